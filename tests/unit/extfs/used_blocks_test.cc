#include "storage/extfs/used_blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/extfs/image.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

using storage::Extent;

// A disk as large, with these bytes of `disk` and zeros elsewhere.
std::string CopyOf(const std::string& bytes, const std::vector<Extent>& extents) {
  std::string copy(bytes.size(), '\0');
  uint64_t end = 0;
  for (const Extent& extent : extents) {
    EXPECT_EQ(extent.file_offset, extent.disk_offset);
    EXPECT_TRUE(end == 0 || extent.disk_offset > end) << "neither merged nor in order";
    end = extent.disk_offset + extent.length;
    EXPECT_LE(end, bytes.size());
    copy.replace(extent.disk_offset, extent.length, bytes, extent.disk_offset, extent.length);
  }
  return copy;
}

class UsedExtentsTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    disk_.Put("other/file", Noise(70000, 4));
    disk_.MakeWithImage({"-b", GetParam()}, 20);
    disk_.Patch(0, "a boot sector");
    fd_ = disk_.Open();
  }
  absl::StatusOr<Filesystem> Open() const {
    return Filesystem::Open(fd_.get(), Access::kReadWrite);
  }

  QuotaDisk disk_;
  base::UniqueFd fd_;
};
INSTANTIATE_TEST_SUITE_P(BlockBytes, UsedExtentsTest, ::testing::Values("1024", "2048", "4096"));

TEST_P(UsedExtentsTest, ACopyOfThemIsTheFilesystem) {
  const absl::StatusOr<Filesystem> fs = Open();
  ASSERT_TRUE(fs.ok()) << fs.status();
  const absl::StatusOr<std::vector<Extent>> used = UsedExtents(*fs, {});
  ASSERT_TRUE(used.ok()) << used.status();
  uint64_t blocks = 0;
  for (const Extent& extent : *used) blocks += extent.length / fs->usage().block_bytes;
  EXPECT_EQ(blocks, fs->usage().blocks - fs->usage().free_blocks);
  QuotaDisk copy;
  copy.MakeOf(CopyOf(disk_.Bytes(), *used));
  EXPECT_EQ(copy.Fsck(), "");
  EXPECT_EQ(copy.Dump("images/web.raw"), Noise(100 * 1024 + 512));
  EXPECT_EQ(copy.Dump("other/file"), Noise(70000, 4));
  EXPECT_EQ(copy.Bytes().substr(0, 13), "a boot sector");
}

TEST_P(UsedExtentsTest, WithoutTheImageACopyHasAllElse) {
  const absl::StatusOr<Filesystem> fs = Open();
  ASSERT_TRUE(fs.ok()) << fs.status();
  const absl::StatusOr<Image> image = FindImage(*fs, kImagePath, kMaxImageBytes);
  ASSERT_TRUE(image.ok()) << image.status();
  const absl::StatusOr<std::vector<Extent>> used = UsedExtents(*fs, image->extents);
  ASSERT_TRUE(used.ok()) << used.status();
  QuotaDisk copy;
  copy.MakeOf(CopyOf(disk_.Bytes(), *used));
  EXPECT_EQ(copy.Fsck(), "");
  EXPECT_EQ(copy.Dump("images/web.raw"), std::string(100 * 1024 + 512, '\0'));
  EXPECT_EQ(copy.Dump("other/file"), Noise(70000, 4));
}

TEST_P(UsedExtentsTest, AfterARemovalTheImageIsNotAmongThem) {
  absl::StatusOr<Filesystem> fs = Open();
  ASSERT_TRUE(fs.ok()) << fs.status();
  const absl::StatusOr<Image> image = FindImage(*fs, kImagePath, kMaxImageBytes);
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_TRUE(RemoveImage(&*fs, *image).ok());
  ASSERT_TRUE(fs->Commit().ok());
  const absl::StatusOr<std::vector<Extent>> used = UsedExtents(*fs, {});
  ASSERT_TRUE(used.ok()) << used.status();
  for (const Extent& extent : *used) {
    for (const Extent& gone : image->extents) {
      EXPECT_TRUE(extent.disk_offset + extent.length <= gone.disk_offset ||
                  gone.disk_offset + gone.length <= extent.disk_offset);
    }
  }
  QuotaDisk copy;
  copy.MakeOf(CopyOf(disk_.Bytes(), *used));
  EXPECT_EQ(copy.Fsck(), "");
  EXPECT_EQ(copy.Dump("other/file"), Noise(70000, 4));
}

TEST_P(UsedExtentsTest, LeavesOutWhateverIsExcepted) {
  const absl::StatusOr<Filesystem> fs = Open();
  ASSERT_TRUE(fs.ok()) << fs.status();
  const std::vector<Extent> all = *UsedExtents(*fs, {});
  const uint64_t block = fs->usage().block_bytes;
  const uint64_t end = fs->usage().blocks * block;
  // In any order, on each other, where nothing is used, over everything.
  const std::vector<Extent> except = {
      {.disk_offset = 5 * block, .length = block},
      {.disk_offset = 2 * block, .length = 2 * block},
      {.disk_offset = 3 * block, .length = block},
      {.disk_offset = end - block, .length = block},
  };
  ASSERT_GE(all[0].length, 6 * block);
  const std::vector<Extent> some = *UsedExtents(*fs, except);
  EXPECT_EQ(some[0], (Extent{.length = 2 * block}));
  EXPECT_EQ(some[1], (Extent{.file_offset = 4 * block, .disk_offset = 4 * block, .length = block}));
  EXPECT_EQ(some[2].disk_offset, 6 * block);
  EXPECT_EQ(some[2].length, all[0].length - 6 * block);
  EXPECT_TRUE(UsedExtents(*fs, std::vector<Extent>{Extent{.length = end}})->empty());
}

}  // namespace
}  // namespace flatvm::extfs
