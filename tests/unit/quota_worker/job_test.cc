// A worker's jobs on real ext4 disks, spoken to over its link as flatvmd does.
#include "daemon/quota_worker/job.h"

#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "daemon/base/error.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/extfs/quota_disk.h"
#include "tests/unit/quota_worker/passed_steps.h"

namespace flatvm::quota_worker {
namespace {

using base::Reason;
using extfs::kImagePath;
using extfs::Noise;
using extfs::QuotaDisk;
using internal::FromQuotaWorker;
using internal::ToQuotaWorker;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr unsigned kDiskMib = 32;
constexpr size_t kImageBytes = (size_t{9} << 20U) - 512;

class JobTest : public testing::Test {
 protected:
  JobTest() {
    absl::StatusOr<base::PacketPair> pair = base::MakePacketPair();
    EXPECT_TRUE(pair.ok());
    link_ = std::move(pair->ours);
    worker_ = std::thread([this, theirs = std::move(pair->theirs)]() mutable {
      const std::chrono::seconds patience(30);
      ended_ = Job(std::move(theirs), Ext4Tools(patience), patience, passed_.observer()).Run();
    });
  }
  ~JobTest() override {
    if (worker_.joinable()) static_cast<void>(End());
  }

  void Send(const ToQuotaWorker& order, int file) {
    EXPECT_EQ(base::SendPacket(link_.get(), order.SerializeAsString(), file),
              base::SendResult::kSent);
  }
  FromQuotaWorker Receive() {
    pollfd waiting{.fd = link_.get(), .events = POLLIN, .revents = 0};
    EXPECT_EQ(::poll(&waiting, 1, 60'000), 1);
    base::Packet packet;
    EXPECT_EQ(base::ReceivePacket(link_.get(), base::Descriptors::kRefuse, &packet),
              base::ReceiveResult::kPacket);
    FromQuotaWorker answer;
    EXPECT_TRUE(answer.ParseFromString(packet.bytes));
    EXPECT_TRUE(answer.has_code());
    return answer;
  }
  // Closes the link; what Run returned.
  absl::Status End() {
    link_.Reset();
    worker_.join();
    return ended_;
  }

  FromQuotaWorker Find(const QuotaDisk& disk, const std::string& path = kImagePath) {
    ToQuotaWorker order;
    order.mutable_find_image()->set_path(path);
    Send(order, disk.Open(O_RDONLY).get());
    return Receive();
  }
  // After Find; the files are image_ and new_.
  FromQuotaWorker Take(internal::ImageWay way, uint32_t new_disk_mib) {
    ToQuotaWorker take;
    take.mutable_take_image()->set_way(way);
    take.mutable_take_image()->set_new_disk_mib(new_disk_mib);
    const base::UniqueFd image(::open(image_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    Send(take, image.get());
    ToQuotaWorker new_disk;
    new_disk.mutable_new_disk();
    Send(new_disk, new_.Open(O_RDWR | O_CREAT).get());
    return Receive();
  }

  std::string ImageBytes() const {
    std::ifstream file(image_, std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    return std::move(bytes).str();
  }

  base::UniqueFd link_;
  PassedSteps passed_;
  std::thread worker_;
  absl::Status ended_;
  fakes::TempDir files_;
  std::string image_ = files_.path() + "/image";
  QuotaDisk new_;  // its path only, until the worker fills it
};

void PutImage(const QuotaDisk& disk, std::string_view content) {
  disk.Put(kImagePath, content);
  disk.Put("other/file", Noise(70'000, 2));
  disk.Make({}, kDiskMib);
}

TEST_F(JobTest, FormatsADisk) {
  const base::UniqueFd disk = new_.Open(O_RDWR | O_CREAT);
  ASSERT_EQ(::ftruncate(disk.get(), off_t{kDiskMib} << 20U), 0);
  ToQuotaWorker order;
  order.mutable_format();
  Send(order, disk.get());
  EXPECT_EQ(Receive().code(), 0);
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(new_.Fsck(), IsEmpty());
  struct stat file {};
  ASSERT_EQ(::fstat(disk.get(), &file), 0);
  EXPECT_EQ(file.st_size, off_t{kDiskMib} << 20U);
  EXPECT_LT(file.st_blocks * 512, off_t{4} << 20U) << "blocks that nobody wrote are holes";
}

TEST_F(JobTest, LaysTheJournalWhereAShrinkingDiskNeedNotMoveIt) {
  constexpr uint64_t kBytes = uint64_t{4} << 30U;  // on a small disk it is there by itself
  const base::UniqueFd disk = new_.Open(O_RDWR | O_CREAT);
  ASSERT_EQ(::ftruncate(disk.get(), kBytes), 0);
  ToQuotaWorker order;
  order.mutable_format();
  Send(order, disk.get());
  EXPECT_EQ(Receive().code(), 0);
  EXPECT_TRUE(End().ok());
  // The superblock has a copy of the journal's map: an extent behind the map's head.
  ext2_super_block super{};
  ASSERT_EQ(::pread(disk.get(), &super, sizeof super, SUPERBLOCK_OFFSET), ssize_t{sizeof super});
  const uint64_t begin = uint64_t{super.s_jnl_blocks[5]} * EXT2_BLOCK_SIZE(&super);
  EXPECT_GT(begin, 0U);
  EXPECT_LT(begin, kBytes / 8);
}

TEST_F(JobTest, TakesAnImageOutAndMakesTheDiskWithoutIt) {
  const std::string content = Noise(kImageBytes);
  QuotaDisk disk;
  PutImage(disk, content);
  const std::string before = disk.Bytes();
  EXPECT_EQ(Find(disk).image_bytes(), kImageBytes);
  const FromQuotaWorker taken = Take(internal::IMAGE_COPY, kDiskMib - 9);
  EXPECT_EQ(taken.code(), 0) << taken.message();
  EXPECT_TRUE(End().ok());

  EXPECT_THAT(passed_.names(), testing::ElementsAreArray(StepsNamed("worker.out.")));
  EXPECT_TRUE(ImageBytes() == content);
  EXPECT_TRUE(disk.Bytes() == before) << "the old disk is only read";
  EXPECT_THAT(new_.Fsck(), IsEmpty());
  EXPECT_EQ(new_.Dump("other/file"), Noise(70'000, 2));
  EXPECT_EQ(FindOn(new_).status().code(), absl::StatusCode::kNotFound);
  // The filesystem ends where the disk is to be cut off.
  new_.Truncate(uint64_t{kDiskMib - 9} << 20U);
  EXPECT_THAT(new_.Fsck(), IsEmpty());
}

TEST_F(JobTest, LeavesTheImagesBytesWhereTheyAreToBeCutOut) {
  QuotaDisk disk;
  PutImage(disk, Noise(kImageBytes));
  const FromQuotaWorker found = Find(disk);
  uint64_t length = 0;
  for (const internal::FoundExtent& extent : found.extents()) length += extent.length();
  EXPECT_GE(length, kImageBytes);
  EXPECT_EQ(Take(internal::IMAGE_LEAVE, kDiskMib - 9).code(), 0);
  EXPECT_TRUE(End().ok());
  EXPECT_THAT(ImageBytes(), IsEmpty());
  EXPECT_THAT(new_.Fsck(), IsEmpty());
}

TEST_F(JobTest, SaysWhyAnImageCannotLeave) {
  QuotaDisk disk;
  disk.Put(kImagePath, "QFI\xfb" + Noise((1U << 20U) - 4));
  disk.Make();
  const FromQuotaWorker answer = Find(disk);
  EXPECT_EQ(answer.code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(answer.reason(), static_cast<int>(Reason::kImageUnusable));
  EXPECT_THAT(answer.message(), HasSubstr("qemu-img convert"));
  EXPECT_TRUE(End().ok()) << "the job was answered";
}

TEST_F(JobTest, SaysWhatIsUnusable) {
  QuotaDisk disk;
  disk.Put(kImagePath, Noise(511));
  disk.Make();
  EXPECT_EQ(Find(disk).message(),
            "the image: must have a length that is a multiple of 512 bytes, and not 0");
}

TEST_F(JobTest, SaysThatTheDiskIsTooFullToShrink) {
  QuotaDisk disk;
  // 24 of its 32 MiB are holes, so that little is free when it has left.
  disk.Put(kImagePath, "");
  std::filesystem::resize_file(disk.TreePath(kImagePath), uint64_t{24} << 20U);
  disk.Put("other/file", Noise(16U << 20U, 2));
  disk.Make({}, kDiskMib);
  EXPECT_EQ(Find(disk).image_bytes(), uint64_t{24} << 20U);
  const FromQuotaWorker answer = Take(internal::IMAGE_COPY, kDiskMib - 24);
  EXPECT_EQ(answer.code(), static_cast<int>(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(answer.reason(), static_cast<int>(Reason::kQuotaDiskFull));
}

TEST_F(JobTest, RefusesWhatIsNoFilesystem) {
  QuotaDisk disk;
  disk.MakeOf(Noise(1U << 20U));
  EXPECT_EQ(Find(disk).reason(), static_cast<int>(Reason::kQuotaDiskUnusable));
}

TEST_F(JobTest, EndsWhenFlatvmdDoes) { EXPECT_TRUE(End().ok()); }

TEST_F(JobTest, EndsWhenItIsToldWhatItDoesNotKnow) {
  QuotaDisk disk;
  disk.MakeOf("x");
  ToQuotaWorker order;
  order.mutable_new_disk();
  Send(order, disk.Open(O_RDONLY).get());
  EXPECT_EQ(End().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::quota_worker
