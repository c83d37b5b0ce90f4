// A worker's jobs for an image that comes back, as flatvmd asks for them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/packet_socket.h"
#include "daemon/base/types.h"
#include "daemon/quota_worker/job.h"
#include "tests/unit/extfs/quota_disk.h"
#include "tests/unit/quota_worker/passed_steps.h"

namespace flatvm::quota_worker {
namespace {

using base::kMebibyte;
using extfs::kImagePath;
using extfs::Noise;
using extfs::QuotaDisk;

class ReturnJobTest : public ::testing::Test {
 protected:
  ReturnJobTest() {
    base::PacketPair pair = *base::MakePacketPair();
    ours_ = std::move(pair.ours);
    worker_ = std::thread([this, theirs = std::move(pair.theirs)]() mutable {
      constexpr std::chrono::seconds kPatience{60};
      ended_ = Job(std::move(theirs), Ext4Tools(kPatience), kPatience, passed_.observer()).Run();
    });
    disk_.MakeWithImage({"-b", "1024"}, 16);
  }
  ~ReturnJobTest() override { (void)End(); }

  absl::Status End() {
    ours_.Reset();
    if (worker_.joinable()) worker_.join();
    return ended_;
  }
  void Send(const internal::ToQuotaWorker& message, int file) {
    ASSERT_EQ(base::SendPacket(ours_.get(), message.SerializeAsString(), file),
              base::SendResult::kSent);
  }
  internal::FromQuotaWorker Receive() {
    pollfd waiting{.fd = ours_.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 60'000), 1);
    base::Packet packet;
    internal::FromQuotaWorker answer;
    EXPECT_EQ(base::ReceivePacket(ours_.get(), base::Descriptors::kRefuse, &packet),
              base::ReceiveResult::kPacket);
    EXPECT_TRUE(answer.ParseFromString(packet.bytes));
    return answer;
  }
  internal::FromQuotaWorker FindPlace(const std::string& path, int disk) {
    internal::ToQuotaWorker message;
    message.mutable_find_place()->set_path(path);
    message.mutable_find_place()->set_data_bytes(kMebibyte);
    message.mutable_find_place()->set_new_disk_mib(20);
    Send(message, disk);
    return Receive();
  }

  QuotaDisk disk_;
  base::UniqueFd ours_;
  PassedSteps passed_;
  std::thread worker_;
  absl::Status ended_;
};

TEST_F(ReturnJobTest, PutsAnImageBack) {
  const base::UniqueFd disk = disk_.Open(O_RDONLY);
  EXPECT_EQ(FindPlace("images/second.raw", disk.get()).code(), 0);
  QuotaDisk volume;
  volume.MakeOf(Noise(kMebibyte, 9));
  QuotaDisk grown;
  grown.MakeOf("");
  grown.Truncate(20 * kMebibyte);
  const base::UniqueFd image = volume.Open(O_RDONLY);
  const base::UniqueFd new_disk = grown.Open();
  internal::ToQuotaWorker put;
  put.mutable_put_image()->set_way(internal::IMAGE_COPY);
  put.mutable_put_image()->set_new_disk_mib(20);
  Send(put, image.get());
  internal::ToQuotaWorker second;
  second.mutable_new_disk();
  Send(second, new_disk.get());
  const internal::FromQuotaWorker answer = Receive();
  EXPECT_EQ(answer.code(), 0) << answer.message();
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(passed_.names(), testing::ElementsAreArray(StepsNamed("worker.back.")));
  EXPECT_EQ(grown.Fsck(), "");
  EXPECT_TRUE(grown.Dump("images/second.raw") == Noise(kMebibyte, 9));
  EXPECT_TRUE(grown.Dump(kImagePath) == disk_.Dump(kImagePath));
}

TEST_F(ReturnJobTest, EndsWithTheErrorWhereThereIsNoPlace) {
  const base::UniqueFd disk = disk_.Open(O_RDONLY);
  const internal::FromQuotaWorker answer = FindPlace(kImagePath, disk.get());
  EXPECT_EQ(answer.code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(answer.reason(), static_cast<int>(base::Reason::kQuotaPathUnusable));
  worker_.join();
  EXPECT_TRUE(ended_.ok());
}

TEST_F(ReturnJobTest, EndsWhenItWasOnlyAskedWhetherThereIsAPlace) {
  const base::UniqueFd disk = disk_.Open(O_RDONLY);
  EXPECT_EQ(FindPlace("images/second.raw", disk.get()).code(), 0);
  EXPECT_TRUE(End().ok());
}

TEST_F(ReturnJobTest, RefusesWhatIsNotItsTurn) {
  const base::UniqueFd disk = disk_.Open(O_RDONLY);
  EXPECT_EQ(FindPlace("images/second.raw", disk.get()).code(), 0);
  internal::ToQuotaWorker message;
  message.mutable_new_disk();
  Send(message, disk.get());
  Send(message, disk.get());
  worker_.join();
  EXPECT_EQ(ended_.code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::quota_worker
