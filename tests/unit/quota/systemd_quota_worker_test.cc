// flatvmd's end of a quota worker's link: what it asks of systemd, and what it believes of a
// worker.
#include "daemon/quota/systemd_quota_worker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/quota/worker_unit.h"
#include "flatvm/internal/quota_job.pb.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/gate/fake_manager.h"

namespace flatvm::quota {
namespace {

using base::Reason;
using internal::FromQuotaWorker;
using internal::ToQuotaWorker;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kUnit = "flatvm-quota-acme.service";

FromQuotaWorker Answer(absl::StatusCode code = absl::StatusCode::kOk,
                       Reason reason = Reason::kUnspecified, const std::string& text = "") {
  FromQuotaWorker answer;
  answer.set_code(static_cast<int>(code));
  answer.set_reason(static_cast<int>(reason));
  answer.set_message(text);
  return answer;
}

class SystemdQuotaWorkerTest : public testing::Test {
 protected:
  ~SystemdQuotaWorkerTest() override {
    if (worker_.joinable()) worker_.join();
  }

  // The worker that is started next says this, whatever it is asked, and ends.
  void Answers(std::vector<std::string> packets) {
    worker_ = std::thread([this, packets = std::move(packets)] {
      const base::UniqueFd link = manager_.WaitForLink();
      base::Packet packet;
      pollfd waiting{.fd = link.get(), .events = POLLIN, .revents = 0};
      EXPECT_EQ(::poll(&waiting, 1, 60'000), 1);
      EXPECT_EQ(base::ReceivePacket(link.get(), base::Descriptors::kAllowOne, &packet),
                base::ReceiveResult::kPacket);
      EXPECT_TRUE(packet.descriptor.valid());
      EXPECT_TRUE(asked_.ParseFromString(packet.bytes));
      for (const std::string& bytes : packets) {
        waiting.events = POLLOUT;
        while (base::SendPacket(link.get(), bytes) == base::SendResult::kWouldBlock) {
          ::poll(&waiting, 1, 60'000);
        }
      }
    });
  }
  void Answers(const FromQuotaWorker& answer) {
    Answers(std::vector<std::string>{answer.SerializeAsString()});
  }

  absl::Status Format() { return quota_.Format("acme", disk_.get()); }
  absl::StatusOr<storage::FoundImage> Find() {
    absl::StatusOr<std::unique_ptr<storage::ImageExtraction>> extraction =
        quota_.Begin("acme", disk_.get(), "images/web.raw");
    if (!extraction.ok()) return extraction.status();
    return (*extraction)->Find();
  }

  gate::FakeManager manager_;
  fakes::FakeLog log_;
  SystemdQuotaWorker quota_{{.program = "/usr/libexec/flatvm/flatvm-quota",
                             .job_timeout = std::chrono::seconds(60),
                             .ready_after = std::chrono::milliseconds(10),
                             .open_bus = [this](sd_bus** bus) { return manager_.Open(bus); }},
                            log_};
  fakes::TempDir files_;
  base::UniqueFd disk_{
      ::open((files_.path() + "/disk").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  std::thread worker_;
  ToQuotaWorker asked_;
};

TEST_F(SystemdQuotaWorkerTest, FormatsADiskInAServiceOfTheTenantsSlice) {
  Answers(Answer());
  EXPECT_TRUE(Format().ok());
  worker_.join();
  EXPECT_TRUE(asked_.has_format());
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("StartTransientUnit ") + kUnit,
                                            std::string("StopUnit ") + kUnit));
  EXPECT_EQ(manager_.properties()["Slice"], "s flatvm-acme.slice");
  EXPECT_EQ(manager_.properties().count("DynamicUser"), 1U);
  EXPECT_EQ(manager_.properties().count("SystemCallFilter"), 1U);
  EXPECT_EQ(manager_.properties().count("Environment"), 0U);
}

TEST_F(SystemdQuotaWorkerTest, TakesTheWorkerThatWasPrepared) {
  Answers(Answer());
  const std::unique_ptr<storage::PreparedWorker> prepared = quota_.Prepare("acme");
  EXPECT_TRUE(Format().ok());
  worker_.join();
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("StartTransientUnit ") + kUnit,
                                            std::string("StopUnit ") + kUnit));
}

TEST_F(SystemdQuotaWorkerTest, EndsAPreparedWorkerThatNobodyTook) {
  std::unique_ptr<storage::PreparedWorker> prepared = quota_.Prepare("acme");
  const base::UniqueFd link = manager_.WaitForLink();
  prepared = nullptr;
  EXPECT_EQ(manager_.calls().back(), std::string("StopUnit ") + kUnit);
}

TEST_F(SystemdQuotaWorkerTest, HasAWorkerReadyForWhatComesNext) {
  quota_.KeepReady("acme");
  Answers(Answer());  // waits for it
  const std::unique_ptr<storage::PreparedWorker> prepared = quota_.Prepare("acme");
  EXPECT_TRUE(Format().ok());
  worker_.join();
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("StartTransientUnit ") + kUnit,
                                            std::string("StopUnit ") + kUnit));
}

TEST_F(SystemdQuotaWorkerTest, EndsWhatItKeptReadyWhenItIsDismissed) {
  quota_.KeepReady("acme");
  const base::UniqueFd link = manager_.WaitForLink();
  quota_.Dismiss("acme");
  EXPECT_EQ(manager_.calls().back(), std::string("StopUnit ") + kUnit);
  quota_.Dismiss("acme");
  EXPECT_EQ(manager_.calls().size(), 2U);
}

// As when it had waited for too long, or somebody killed it.
TEST_F(SystemdQuotaWorkerTest, StartsAnotherForOneThatEndedMeanwhile) {
  quota_.KeepReady("acme");
  manager_.WaitForLink().Reset();
  while (manager_.calls().empty()) std::this_thread::yield();
  std::unique_ptr<storage::PreparedWorker> prepared;
  do {
    prepared = nullptr;
    prepared = quota_.Prepare("acme");
  } while (manager_.calls().size() < 2);
  Answers(Answer());
  EXPECT_TRUE(Format().ok());
  worker_.join();
}

TEST_F(SystemdQuotaWorkerTest, HandsOnWhereATestStopsAWorker) {
  const std::vector<systemd::UnitProperty> properties =
      WorkerUnitProperties({.tenant = "acme", .stop_at = "worker.out.asked"});
  const systemd::UnitProperty expected{"Environment",
                                       std::vector<std::string>{"FLATVM_STOP_AT=worker.out.asked"}};
  EXPECT_EQ(properties.back(), expected);
}

TEST_F(SystemdQuotaWorkerTest, StopsWhatAnEarlierDaemonLeft) {
  manager_.FailNext("org.freedesktop.systemd1.UnitExists");
  Answers(Answer());
  // The link of the one that was refused came first.
  EXPECT_TRUE(Format().ok());
  EXPECT_THAT(manager_.calls(), testing::Contains(std::string("StopUnit ") + kUnit).Times(2));
}

TEST_F(SystemdQuotaWorkerTest, JoinsWhatItFoundInSeveralPackets) {
  FromQuotaWorker first = Answer();
  first.set_image_bytes(8192);
  first.set_more(true);
  internal::FoundExtent* extent = first.add_extents();
  extent->set_disk_offset(65536);
  extent->set_length(4096);
  FromQuotaWorker second = Answer();
  second.set_image_bytes(8192);
  extent = second.add_extents();
  extent->set_file_offset(4096);
  extent->set_disk_offset(4096);
  extent->set_length(4096);
  Answers({first.SerializeAsString(), second.SerializeAsString()});
  const absl::StatusOr<storage::FoundImage> found = Find();
  worker_.join();
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(asked_.find_image().path(), "images/web.raw");
  EXPECT_EQ(found->image_bytes, 8192U);
  EXPECT_THAT(
      found->extents,
      ElementsAre(storage::Extent{.file_offset = 0, .disk_offset = 65536, .length = 4096},
                  storage::Extent{.file_offset = 4096, .disk_offset = 4096, .length = 4096}));
}

TEST_F(SystemdQuotaWorkerTest, PassesAnErrorOfTheJobOnWithItsTextEscaped) {
  Answers(Answer(absl::StatusCode::kFailedPrecondition, Reason::kImageUnusable, "is \x1b[2J odd"));
  const absl::Status status = Find().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::GetErrorInfo(status).reason, Reason::kImageUnusable);
  EXPECT_THAT(base::PublicMessage(status), HasSubstr("is \\x1b[2J odd"));
}

TEST_F(SystemdQuotaWorkerTest, BelievesNoErrorThatIsNotAJobs) {
  Answers(Answer(absl::StatusCode::kPermissionDenied, Reason::kVmNotFound, "come back as root"));
  EXPECT_EQ(Find().status().code(), absl::StatusCode::kInternal);
}

TEST_F(SystemdQuotaWorkerTest, AWorkerThatEndsOrTalksNonsenseIsGone) {
  for (const std::string& bytes : {std::string("\xff\xff\xff"), std::string("\x10\x01")}) {
    Answers(std::vector<std::string>{bytes});
    EXPECT_EQ(Format().code(), absl::StatusCode::kUnavailable);
    worker_.join();
  }
  Answers(std::vector<std::string>{});
  EXPECT_EQ(Format().code(), absl::StatusCode::kUnavailable);
}

TEST_F(SystemdQuotaWorkerTest, AWorkerThatNeverEndsItsListIsGivenUp) {
  FromQuotaWorker answer = Answer();
  answer.set_more(true);
  Answers(std::vector<std::string>(3000, answer.SerializeAsString()));
  EXPECT_EQ(Find().status().code(), absl::StatusCode::kInternal);
}

// What did not answer in time may still be under way.
TEST_F(SystemdQuotaWorkerTest, StopsWhatSystemdDidNotStart) {
  manager_.FailNext("org.freedesktop.DBus.Error.Timeout");
  EXPECT_FALSE(Format().ok());
  EXPECT_THAT(manager_.calls(), ElementsAre(std::string("StartTransientUnit ") + kUnit,
                                            std::string("StopUnit ") + kUnit));
}

}  // namespace
}  // namespace flatvm::quota
