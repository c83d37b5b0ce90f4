// An image leaves a real ext4 and comes back, by the library and the programs that a worker uses.
#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "daemon/quota_worker/explain_failure.h"
#include "daemon/quota_worker/image_entry.h"
#include "daemon/quota_worker/image_exit.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::quota_worker {
namespace {

using base::kMebibyte;
using extfs::kImagePath;
using extfs::Noise;
using extfs::QuotaDisk;

constexpr uint32_t kDiskMib = 40;
constexpr uint32_t kImageMib = 9;

class ImageRoundTripTest : public ::testing::Test {
 protected:
  ImageRoundTripTest() {
    // Some of it is a hole, and it ends within a block.
    image_ = Noise(8 * kMebibyte + 512);
    image_.replace(kMebibyte, kMebibyte, kMebibyte, '\0');
    old_.Put(kImagePath, image_);
    old_.Put("other/deep/file", Noise(70000, 4));
    old_.Make({"-b", "1024", "-m", "0"}, kDiskMib);
  }

  // As a host does that shares no blocks.
  absl::Status TakeOut() {
    const base::UniqueFd disk = old_.Open(O_RDONLY);
    smaller_.MakeOf("");
    volume_.MakeOf("");
    const base::UniqueFd new_disk = smaller_.Open();
    const base::UniqueFd image = volume_.Open();
    const auto found = FindRawImage(disk.get(), kImagePath);
    if (!found.ok()) return found.status();
    FLATVM_RETURN_IF_ERROR(TakeImageOut({.disk = disk.get(),
                                         .path = kImagePath,
                                         .way = ImageWay::kCopy,
                                         .image = image.get(),
                                         .new_disk = new_disk.get(),
                                         .new_disk_mib = kDiskMib - kImageMib},
                                        *found, tools_));
    smaller_.Truncate((kDiskMib - kImageMib) * kMebibyte);
    return absl::OkStatus();
  }

  absl::Status PutBack(const std::string& path, uint32_t size_mib = kDiskMib) {
    const base::UniqueFd disk = smaller_.Open(O_RDONLY);
    const base::UniqueFd image = volume_.Open(O_RDONLY);
    grown_.MakeOf("");
    grown_.Truncate(size_mib * kMebibyte);
    const base::UniqueFd new_disk = grown_.Open();
    return PutImageBack({.disk = disk.get(),
                         .path = path,
                         .way = ImageWay::kCopy,
                         .image = image.get(),
                         .new_disk = new_disk.get(),
                         .new_disk_mib = size_mib},
                        tools_);
  }

  const Ext4Tools tools_{std::chrono::seconds(60)};
  std::string image_;
  QuotaDisk old_;
  QuotaDisk smaller_;
  QuotaDisk volume_;
  QuotaDisk grown_;
};

TEST_F(ImageRoundTripTest, BringsEveryByteBackToItsPath) {
  const std::string before = old_.Bytes();
  ASSERT_TRUE(TakeOut().ok());
  EXPECT_TRUE(old_.Bytes() == before);
  EXPECT_TRUE(volume_.Bytes() == image_);
  EXPECT_EQ(smaller_.Fsck(), "");
  EXPECT_EQ(extfs::FindOn(smaller_, extfs::Access::kRead).status().code(),
            absl::StatusCode::kNotFound);

  const std::string without = smaller_.Bytes();
  const absl::Status back = PutBack(kImagePath);
  ASSERT_TRUE(back.ok()) << back;
  EXPECT_TRUE(smaller_.Bytes() == without);
  EXPECT_EQ(grown_.Bytes().size(), kDiskMib * kMebibyte);
  EXPECT_EQ(grown_.Fsck(), "");
  EXPECT_TRUE(grown_.Dump(kImagePath) == image_);
  EXPECT_TRUE(grown_.Dump("other/deep/file") == Noise(70000, 4));
  // The filesystem has all of the disk.
  const base::UniqueFd fd = grown_.Open(O_RDONLY);
  const auto usage = extfs::Filesystem::Open(fd.get(), extfs::Access::kRead)->usage();
  EXPECT_EQ(usage.blocks * usage.block_bytes, kDiskMib * kMebibyte);
}

TEST_F(ImageRoundTripTest, TakesADiskThatWasMountedByAClockAheadOfOurs) {
  old_.EditSuper([](ext2_super_block* super) { super->s_mtime = super->s_lastcheck + 7200; });
  const absl::Status out = TakeOut();
  ASSERT_TRUE(out.ok()) << out;
  smaller_.EditSuper([](ext2_super_block* super) { super->s_mtime = super->s_lastcheck + 7200; });
  const absl::Status back = PutBack(kImagePath);
  ASSERT_TRUE(back.ok()) << back;
  EXPECT_TRUE(grown_.Dump(kImagePath) == image_);
}

// What it was before, all the time: found at the end, whoever is to blame.
TEST_F(ImageRoundTripTest, SaysThatADiskWasDamaged) {
  const std::vector<std::string> damage = {"set_inode_field /other/deep links_count 9"};
  old_.Debugfs(damage);
  EXPECT_EQ(base::GetErrorInfo(TakeOut()).reason, base::Reason::kQuotaDiskUnusable);
  old_.Debugfs({"set_inode_field /other/deep links_count 2"});
  ASSERT_TRUE(TakeOut().ok());
  smaller_.Debugfs(damage);
  EXPECT_EQ(base::GetErrorInfo(PutBack(kImagePath)).reason, base::Reason::kQuotaDiskUnusable);
}

// The image's blocks are free when it is gone, and one of them is still another file's.
TEST_F(ImageRoundTripTest, FindsAFileThatSharesBlocksWithTheImage) {
  const base::UniqueFd disk = old_.Open(O_RDONLY);
  const auto found = FindRawImage(disk.get(), kImagePath);
  ASSERT_TRUE(found.ok()) << found.status();
  const uint64_t shared = found->extents.front().disk_offset / 1024;
  old_.EditInode("other/deep/file", [shared](ext2_inode* inode) {
    // The first extent behind the header: its length, and the low half of where it begins.
    auto* extent = reinterpret_cast<ext3_extent*>(reinterpret_cast<char*>(inode->i_block) + 12);
    extent->ee_start = static_cast<uint32_t>(shared);
  });
  EXPECT_EQ(base::GetErrorInfo(TakeOut()).reason, base::Reason::kQuotaDiskUnusable);
}

TEST_F(ImageRoundTripTest, TakesTheBlameForWhatWasWhole) {
  const base::UniqueFd disk = old_.Open(O_RDONLY);
  smaller_.MakeOf("a part of something");
  const base::UniqueFd copy = smaller_.Open();
  const absl::Status failure = base::InternalError("resize2fs ended with 3");
  EXPECT_EQ(ExplainFailure(failure, {.disk = disk.get(), .except = {}, .copy = copy.get()}, tools_),
            failure);
  EXPECT_TRUE(smaller_.Dump(kImagePath) == image_);
}

TEST_F(ImageRoundTripTest, SaysWhyThereIsNoWayBack) {
  ASSERT_TRUE(TakeOut().ok());
  EXPECT_EQ(base::GetErrorInfo(PutBack("other/deep/file")).reason,
            base::Reason::kQuotaPathUnusable);
  EXPECT_EQ(base::GetErrorInfo(PutBack("gone/web.raw")).reason, base::Reason::kQuotaPathUnusable);
  const base::UniqueFd disk = smaller_.Open(O_RDONLY);
  EXPECT_TRUE(CheckEntry(disk.get(), kImagePath, 8 * kMebibyte, kDiskMib).ok());
  EXPECT_EQ(base::GetErrorInfo(CheckEntry(disk.get(), kImagePath, 64 * kMebibyte, kDiskMib)).reason,
            base::Reason::kQuotaDiskFull);
  EXPECT_EQ(base::GetErrorInfo(CheckEntry(disk.get(), "other", 1, kDiskMib)).reason,
            base::Reason::kQuotaPathUnusable);
}

TEST_F(ImageRoundTripTest, KeepsAFullDiskAsItIs) {
  ASSERT_TRUE(TakeOut().ok());
  // More than is left beside what the image took.
  volume_.MakeOf(Noise(45 * kMebibyte));
  const std::string without = smaller_.Bytes();
  EXPECT_EQ(base::GetErrorInfo(PutBack(kImagePath)).reason, base::Reason::kQuotaDiskFull);
  EXPECT_TRUE(smaller_.Bytes() == without);
}

}  // namespace
}  // namespace flatvm::quota_worker
