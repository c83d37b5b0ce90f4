#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "storage/extfs/image.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

// Finds, removes and commits.
absl::Status RemoveOn(const QuotaDisk& disk, std::string_view path = kImagePath) {
  const base::UniqueFd fd = disk.Open();
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kReadWrite);
  if (!fs.ok()) return fs.status();
  const absl::StatusOr<Image> image = FindImage(*fs, path, kMaxImageBytes);
  if (!image.ok()) return image.status();
  FLATVM_RETURN_IF_ERROR(RemoveImage(&*fs, *image));
  return fs->Commit();
}

uint64_t FreeBlocksOn(const QuotaDisk& disk) {
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  const absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kRead);
  EXPECT_TRUE(fs.ok()) << fs.status();
  return fs.ok() ? fs->usage().free_blocks : 0;
}

TEST(RemoveImage, LeavesACleanFilesystemOfEveryKind) {
  std::string holes(200 * 1024, '\0');
  for (size_t i = 0; i < 200; i += 2) holes.replace(i * 1024, 1024, Noise(1024));
  const std::vector<std::vector<std::string>> kinds = {
      {"-b", "1024"},
      {"-b", "2048"},
      {"-b", "4096"},
      {"-b", "1024", "-O", "^metadata_csum"},
      {"-b", "1024", "-O", "^metadata_csum,uninit_bg"},
      {"-b", "1024", "-O", "^64bit"},
      {"-b", "1024", "-O", "^flex_bg"},
      {"-O", "^has_journal"},
      {"-O", "metadata_csum_seed,orphan_file"},
      {"-I", "128"}};
  for (const std::vector<std::string>& options : kinds) {
    const std::string kind = ::testing::PrintToString(options);
    QuotaDisk disk;
    disk.Put("images/before", "before the image");
    disk.Put("images/behind", Noise(5000, 3));
    disk.Put(kImagePath, holes);
    disk.Put("other/deep/file", Noise(70000, 4));
    disk.Make(options, 40);
    ASSERT_EQ(disk.Fsck(), "") << kind;
    const uint64_t free = FreeBlocksOn(disk);
    const absl::StatusOr<Image> image = FindOn(disk);
    ASSERT_TRUE(image.ok()) << kind << ": " << image.status();
    uint64_t blocks = 0;
    for (const BlockRun& run : image->blocks) blocks += run.count;

    const absl::Status removed = RemoveOn(disk);
    ASSERT_TRUE(removed.ok()) << kind << ": " << removed;
    EXPECT_EQ(disk.Fsck(), "") << kind;
    EXPECT_EQ(FreeBlocksOn(disk), free + blocks) << kind;
    EXPECT_EQ(FindOn(disk).status().code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(disk.Dump("images/before"), "before the image") << kind;
    EXPECT_EQ(disk.Dump("images/behind"), Noise(5000, 3)) << kind;
    EXPECT_EQ(disk.Dump("other/deep/file"), Noise(70000, 4)) << kind;
  }
}

int EmptyGroupsOn(const QuotaDisk& disk) {
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  const absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kRead);
  if (!fs.ok()) return -1;
  int marked = 0;
  for (dgrp_t group = 0; group < fs->handle()->group_desc_count; ++group) {
    marked += ext2fs_bg_flags_test(fs->handle(), group, EXT2_BG_BLOCK_UNINIT) != 0 ? 1 : 0;
  }
  return marked;
}

// What resize2fs goes by: without it, it looks at each of their blocks.
TEST(RemoveImage, MarksTheGroupsThatItEmpties) {
  QuotaDisk disk;
  disk.Put(kImagePath, Noise(size_t{30} << 20U));
  disk.Make({"-b", "1024", "-O", "^has_journal"}, 40);
  const int before = EmptyGroupsOn(disk);
  ASSERT_TRUE(RemoveOn(disk).ok());
  EXPECT_GT(EmptyGroupsOn(disk), before);
  EXPECT_EQ(disk.Fsck(), "");
}

TEST(RemoveImage, RemovesFromEveryPlaceInADirectoryOfManyBlocks) {
  QuotaDisk disk;
  std::vector<std::string> paths;
  for (int i = 0; i < 400; ++i) {
    paths.push_back("images/file-number-" + std::to_string(i));
    disk.Put(paths.back(), Noise(512, static_cast<unsigned>(i)));
  }
  disk.Make({"-b", "1024", "-N", "2048"}, 16);
  disk.IndexDirectories();
  ASSERT_EQ(disk.Fsck(), "");
  const base::UniqueFd fd = disk.Open();
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kReadWrite);
  ASSERT_TRUE(fs.ok()) << fs.status();
  for (size_t i = 0; i < paths.size(); i += 3) {
    const absl::StatusOr<Image> image = FindImage(*fs, paths[i], kMaxImageBytes);
    ASSERT_TRUE(image.ok()) << paths[i] << ": " << image.status();
    ASSERT_TRUE(RemoveImage(&*fs, *image).ok());
  }
  ASSERT_TRUE(fs->Commit().ok());
  EXPECT_EQ(disk.Fsck(), "");
  const absl::StatusOr<Filesystem> left = Filesystem::Open(fd.get(), Access::kRead);
  ASSERT_TRUE(left.ok()) << left.status();
  for (size_t i = 0; i < paths.size(); ++i) {
    const absl::StatusOr<Image> image = FindImage(*left, paths[i], kMaxImageBytes);
    ASSERT_EQ(image.ok(), i % 3 != 0) << paths[i] << ": " << image.status();
    if (image.ok()) {
      EXPECT_EQ(ContentOf(disk, *image), Noise(512, static_cast<unsigned>(i)));
    }
  }
}

TEST(RemoveImage, FreesWhatWasAllocatedInAdvance) {
  QuotaDisk disk;
  disk.MakeWithImage({"-b", "1024"});
  const uint64_t free = FreeBlocksOn(disk);
  disk.Debugfs({"fallocate /images/web.raw 2000 2999"});
  ASSERT_EQ(disk.Fsck(), "");
  ASSERT_LE(FreeBlocksOn(disk) + 1000, free);
  ASSERT_TRUE(RemoveOn(disk).ok());
  EXPECT_EQ(disk.Fsck(), "");
  EXPECT_GE(FreeBlocksOn(disk), free + 100);
}

TEST(RemoveImage, WritesNothingBeforeTheCommit) {
  QuotaDisk disk;
  disk.MakeWithImage();
  const std::string before = disk.Bytes();
  {
    const base::UniqueFd fd = disk.Open();
    absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kReadWrite);
    ASSERT_TRUE(fs.ok()) << fs.status();
    const absl::StatusOr<Image> image = FindImage(*fs, kImagePath, kMaxImageBytes);
    ASSERT_TRUE(image.ok()) << image.status();
    ASSERT_TRUE(RemoveImage(&*fs, *image).ok());
    EXPECT_EQ(FindImage(*fs, kImagePath, kMaxImageBytes).status().code(),
              absl::StatusCode::kNotFound);
    EXPECT_TRUE(disk.Bytes() == before);
  }
  EXPECT_TRUE(disk.Bytes() == before);  // nor without it
}

TEST(RemoveImage, WritesOnlyWhatChangesAndNeverTheImage) {
  QuotaDisk disk;
  disk.MakeWithImage({"-b", "1024"}, 40);
  const std::string before = disk.Bytes();
  const absl::StatusOr<Image> image = FindOn(disk);
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_TRUE(RemoveOn(disk).ok());
  const std::string after = disk.Bytes();
  ASSERT_EQ(after.size(), before.size());
  size_t changed = 0;
  for (size_t at = 0; at < after.size(); at += 1024) {
    if (before.compare(at, 1024, after, at, 1024) != 0) ++changed;
  }
  // Superblock, group descriptors, two bitmaps, inode, directory.
  EXPECT_LE(changed, 6U);
  for (const storage::Extent& extent : image->extents) {
    EXPECT_EQ(
        after.compare(extent.disk_offset, extent.length, before, extent.disk_offset, extent.length),
        0);
  }
}

TEST(RemoveImage, IsInternalWhereNothingMayBeWritten) {
  QuotaDisk disk;
  disk.MakeWithImage();
  const base::UniqueFd fd = disk.Open();
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kRead);
  ASSERT_TRUE(fs.ok()) << fs.status();
  const absl::StatusOr<Image> image = FindImage(*fs, kImagePath, kMaxImageBytes);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(RemoveImage(&*fs, *image).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::extfs
