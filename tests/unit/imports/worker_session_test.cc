// Both ends of an import's link: flatvmd's session here, the worker's job in a thread.
#include "daemon/imports/worker_session.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/import_worker/job.h"
#include "storage/sha256.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::imports {
namespace {

using std::chrono::milliseconds;

class WorkerSessionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto pair = base::MakePacketPair();
    ASSERT_TRUE(pair.ok());
    ours_ = std::move(pair->ours);
    theirs_ = std::move(pair->theirs);
  }
  void TearDown() override {
    session_.reset();
    if (worker_.joinable()) worker_.join();
  }

  void StartWorker(milliseconds patience = milliseconds(20'000)) {
    worker_ = std::thread(
        [this, patience] { result_ = import_worker::Job(std::move(theirs_), patience).Run(); });
  }
  void StartSession(milliseconds timeout = milliseconds(20'000)) {
    session_ = std::make_unique<WorkerSession>(std::move(ours_), timeout);
  }
  absl::Status Open(uint64_t size_bytes) {
    const base::UniqueFd file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    return session_->Open(file.get(), size_bytes);
  }
  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  fakes::TempDir root_;
  const std::string path_ = root_.path() + "/file";
  base::UniqueFd ours_;
  base::UniqueFd theirs_;
  std::unique_ptr<WorkerSession> session_;
  std::thread worker_;
  absl::Status result_;
};

TEST_F(WorkerSessionTest, CarriesAnImageToItsEnd) {
  StartWorker();
  StartSession();
  ASSERT_TRUE(Open(200'000).ok());
  const std::string part(60'000, 'p');
  ASSERT_TRUE(session_->Write({.data = part}).ok());
  ASSERT_TRUE(session_->Write({.offset = 60'000, .zeros = 80'000}).ok());
  ASSERT_TRUE(session_->Write({.offset = 140'000, .data = part}).ok());
  EXPECT_EQ(Read(), part + std::string(80'000, '\0') + part);
  const auto digest = session_->Digest(milliseconds(20'000));
  ASSERT_TRUE(digest.ok()) << digest.status();
  const base::UniqueFd reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*digest, *storage::Sha256Of(reader.get()));
  EXPECT_EQ(::fcntl(reader.get(), F_SETLEASE, F_RDLCK), 0) << "the worker keeps it open";
  worker_.join();
  EXPECT_TRUE(result_.ok()) << result_;
  EXPECT_TRUE(absl::IsUnavailable(session_->Write({.data = part})));
}

TEST_F(WorkerSessionTest, SaysWhatTheWorkerCannotDo) {
  StartWorker();
  StartSession();
  ASSERT_TRUE(Open(10).ok());
  const absl::Status status = session_->Write({.offset = 8, .data = "abc"});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(session_->Write({.data = "abc"}).ok());  // the session goes on
}

TEST_F(WorkerSessionTest, EndsItsWorkerWhenItGoes) {
  StartWorker();
  StartSession();
  ASSERT_TRUE(Open(10).ok());
  session_.reset();
  worker_.join();
  EXPECT_TRUE(result_.ok()) << result_;
}

TEST_F(WorkerSessionTest, AWorkerWithNothingToDoEnds) {
  StartSession();
  StartWorker(milliseconds(1));
  worker_.join();
  EXPECT_TRUE(result_.ok()) << result_;
  EXPECT_TRUE(absl::IsUnavailable(Open(10)));
}

TEST_F(WorkerSessionTest, WaitsNoLongerThanItMay) {
  StartSession(milliseconds(1));
  EXPECT_EQ(Open(10).code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(WorkerSessionTest, ADigestThatTakesLongIsAskedForOnce) {
  StartSession();
  EXPECT_EQ(session_->Digest(milliseconds(0)).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(session_->Digest(milliseconds(0)).status().code(), absl::StatusCode::kDeadlineExceeded);
  internal::FromImportWorker answer;
  answer.set_sha256("feed");
  answer.set_done(true);
  ASSERT_EQ(base::SendPacket(theirs_.get(), answer.SerializeAsString()), base::SendResult::kSent);
  EXPECT_EQ(*session_->Digest(milliseconds(20'000)), "feed");
  base::Packet packet;
  EXPECT_EQ(base::ReceivePacket(theirs_.get(), base::Descriptors::kRefuse, &packet),
            base::ReceiveResult::kPacket);
  EXPECT_EQ(base::ReceivePacket(theirs_.get(), base::Descriptors::kRefuse, &packet),
            base::ReceiveResult::kWouldBlock);
}

TEST_F(WorkerSessionTest, BelievesNothingThatIsNoAnswer) {
  StartSession();
  ASSERT_EQ(base::SendPacket(theirs_.get(), "\xff\xff\xff"), base::SendResult::kSent);
  EXPECT_TRUE(absl::IsUnavailable(Open(10)));
}

TEST_F(WorkerSessionTest, AWorkerTakesNothingBeforeItsFile) {
  StartWorker();
  StartSession();
  EXPECT_TRUE(absl::IsUnavailable(session_->Write({.data = "abc"})));
  worker_.join();
  EXPECT_EQ(result_.code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::imports
