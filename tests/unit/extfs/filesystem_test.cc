#include "storage/extfs/filesystem.h"

#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

using ::testing::HasSubstr;

absl::Status OpenOn(const QuotaDisk& disk, Access access = Access::kReadWrite) {
  const base::UniqueFd fd = disk.Open();
  return Filesystem::Open(fd.get(), access).status();
}

void ExpectUnusable(const absl::Status& status, const std::string& what) {
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << what << ": " << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kQuotaDiskUnusable) << what;
}

TEST(Filesystem, OpensWhatMke2fsMakesOldAndNew) {
  const std::vector<std::vector<std::string>> kinds = {
      {},
      {"-b", "1024"},
      {"-b", "2048"},
      {"-b", "4096"},
      {"-O", "^metadata_csum"},
      {"-O", "^metadata_csum,uninit_bg"},
      {"-O", "^64bit"},
      {"-O", "^flex_bg"},
      {"-O", "^has_journal"},
      {"-O", "^resize_inode"},
      {"-O", "^sparse_super,^resize_inode"},
      {"-O", "metadata_csum_seed,orphan_file"},
      {"-I", "128"},
      {"-I", "1024"},
      {"-E", "lazy_itable_init=0"},
      {"-U", "01234567-89ab-4def-8123-456789abcdef", "-L", "quota"},
  };
  for (const std::vector<std::string>& options : kinds) {
    QuotaDisk disk;
    disk.MakeWithImage(options, 40);  // five groups of blocks of 1 KiB
    for (const Access access : {Access::kRead, Access::kReadWrite}) {
      const absl::Status status = OpenOn(disk, access);
      EXPECT_TRUE(status.ok()) << ::testing::PrintToString(options) << ": " << status;
    }
    const absl::StatusOr<Image> image = FindOn(disk);
    ASSERT_TRUE(image.ok()) << ::testing::PrintToString(options) << ": " << image.status();
    EXPECT_EQ(ContentOf(disk, *image), Noise(100 * 1024 + 512));
  }
}

TEST(Filesystem, ReadsUsage) {
  QuotaDisk disk;
  disk.MakeWithImage({"-b", "1024"});
  disk.Truncate(9 * base::kMebibyte);  // the disk may be larger
  const base::UniqueFd fd = disk.Open();
  const absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kRead);
  ASSERT_TRUE(fs.ok()) << fs.status();
  EXPECT_EQ(fs->usage().block_bytes, 1024U);
  EXPECT_EQ(fs->usage().blocks, 8192U);
  uint64_t free = 0;
  disk.EditSuper([&free](auto* super) { free = super->s_free_blocks_count; });
  EXPECT_EQ(fs->usage().free_blocks, free);
}

TEST(Filesystem, LeavesTheDescriptorOpenAndUnwritten) {
  QuotaDisk disk;
  disk.Make();
  const std::string before = disk.Bytes();
  const base::UniqueFd fd = disk.Open();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(Filesystem::Open(fd.get(), Access::kReadWrite).ok());
    EXPECT_GE(::fcntl(fd.get(), F_GETFD), 0);
  }
  EXPECT_TRUE(disk.Bytes() == before);
}

TEST(Filesystem, RefusesOtherKindsOfExt4ByName) {
  const std::vector<std::pair<const char*, std::vector<std::string>>> kinds = {
      {"bigalloc", {"-O", "bigalloc"}},
      {"meta_bg", {"-O", "meta_bg,^resize_inode"}},
      {"inline_data", {"-O", "inline_data"}},
      {"encrypt", {"-O", "encrypt"}},
      {"casefold", {"-O", "casefold"}},
      {"ea_inode", {"-O", "ea_inode"}},
      {"large_dir", {"-O", "large_dir"}},
      {"mmp", {"-O", "mmp"}},
      {"quota", {"-O", "quota"}},
      {"verity", {"-O", "verity"}},
      {"ext2 or ext3", {"-O", "^extent,^64bit"}},
      {"more than 4 KiB", {"-b", "8192"}},
      {"unusual proportions", {"-g", "8192", "-b", "4096"}},
  };
  for (const auto& [says, options] : kinds) {
    QuotaDisk disk;
    disk.Make(options, 16);
    const absl::Status status = OpenOn(disk);
    ExpectUnusable(status, says);
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(says));
  }
}

TEST(Filesystem, RefusesWhatIsNone) {
  for (const std::string& bytes :
       {std::string(), std::string(1, 'x'), std::string(1500, '\0'), std::string(2048, '\0'),
        std::string(base::kMebibyte, '\0'), std::string(base::kMebibyte, '\xff'),
        Noise(base::kMebibyte), Noise(base::kMebibyte, 2), std::string("QFI\xfb")}) {
    QuotaDisk disk;
    disk.MakeOf(bytes);
    const absl::Status status = OpenOn(disk);
    ExpectUnusable(status, "no filesystem");
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr("no ext4 filesystem"));
    EXPECT_TRUE(disk.Bytes() == bytes);
  }
}

TEST(Filesystem, RefusesWhatNobodyUnmountedOrSomethingBroke) {
  const std::vector<std::pair<const char*, std::function<void(const QuotaDisk&)>>> cases = {
      {"a journal to replay",
       [](auto& disk) {
         disk.EditSuper([](auto* s) { s->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER; });
       }},
      {"errors", [](auto& disk) { disk.EditSuper([](auto* s) { s->s_state |= EXT2_ERROR_FS; }); }},
      {"an unknown feature",
       [](auto& disk) { disk.EditSuper([](auto* s) { s->s_feature_incompat |= 1U << 30U; }); }},
      {"more blocks than the disk",
       [](auto& disk) { disk.EditSuper([](auto* s) { s->s_blocks_count *= 2; }); }},
      {"blocks without number",
       [](auto& disk) { disk.EditSuper([](auto* s) { s->s_blocks_count_hi = 0xFFFFFFFF; }); }},
      {"other inodes than groups have",
       [](auto& disk) { disk.EditSuper([](auto* s) { s->s_inodes_count += 8; }); }},
      {"a block size out of the world",
       [](auto& disk) { disk.EditSuper([](auto* s) { s->s_log_block_size = 31; }); }},
      {"the superblock's checksum", [](auto& disk) { disk.Patch(1024 + 0x78, "label"); }},
      {"a group's checksum", [](auto& disk) { disk.Patch(4096 + 12, "\xff\x0f"); }},
      {"a truncated disk", [](auto& disk) { disk.Truncate(7 * base::kMebibyte); }},
      {"a disk that ends behind the superblock", [](auto& disk) { disk.Truncate(2048); }},
  };
  for (const auto& [what, spoil] : cases) {
    QuotaDisk disk;
    disk.MakeWithImage({"-b", "4096"});
    spoil(disk);
    const std::string before = disk.Bytes();
    for (const Access access : {Access::kRead, Access::kReadWrite}) {
      ExpectUnusable(OpenOn(disk, access), what);
    }
    EXPECT_TRUE(disk.Bytes() == before) << what;
  }
}

TEST(Filesystem, RefusesGroupsThatLie) {
  const std::vector<std::pair<const char*, std::function<void(ext2_group_desc*)>>> cases = {
      {"no block bitmap", [](auto* g) { g->bg_block_bitmap = 0; }},
      {"a block bitmap far away", [](auto* g) { g->bg_block_bitmap = 0xFFFFFFFF; }},
      {"an inode bitmap far away", [](auto* g) { g->bg_inode_bitmap = 8192; }},
      {"an inode table far away", [](auto* g) { g->bg_inode_table = 0x7FFFFFFF; }},
      {"an inode table past the end", [](auto* g) { g->bg_inode_table = 8191; }},
      {"one block for both bitmaps", [](auto* g) { g->bg_inode_bitmap = g->bg_block_bitmap; }},
      {"an inode table on a bitmap", [](auto* g) { g->bg_inode_table = g->bg_block_bitmap; }},
      {"a bitmap on the superblock", [](auto* g) { g->bg_block_bitmap = 1; }},
      {"a bitmap that is free", [](auto* g) { g->bg_inode_bitmap = 8000; }},
      {"too many free blocks", [](auto* g) { g->bg_free_blocks_count = 0xFFFF; }},
      {"too many free inodes", [](auto* g) { g->bg_free_inodes_count = 0xFFFF; }},
  };
  for (const auto& [what, change] : cases) {
    QuotaDisk disk;
    disk.MakeWithImage({"-b", "1024", "-O", "^metadata_csum,^64bit"});
    disk.EditGroup(change);
    const std::string before = disk.Bytes();
    ExpectUnusable(OpenOn(disk), what);
    EXPECT_TRUE(disk.Bytes() == before) << what;
  }
}

TEST(Filesystem, RefusesBitmapsWithAWrongChecksum) {
  QuotaDisk disk;
  disk.MakeWithImage({"-b", "4096"});
  uint32_t bitmap = 0;
  disk.EditGroup([&bitmap](auto* group) { bitmap = group->bg_block_bitmap; });
  disk.Patch(uint64_t{bitmap} * 4096 + 100, "flipped");
  ExpectUnusable(OpenOn(disk), "bitmap");
}

TEST(Filesystem, IsInternalWithADescriptorOfAnotherKind) {
  QuotaDisk disk;
  disk.Make();
  const base::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const base::UniqueFd read_only = disk.Open(O_RDONLY);
  const base::UniqueFd write_only = disk.Open(O_WRONLY);
  EXPECT_EQ(Filesystem::Open(-1, Access::kRead).status().code(), absl::StatusCode::kInternal);
  for (const int fd : {null.get(), read_only.get(), write_only.get()}) {
    EXPECT_EQ(Filesystem::Open(fd, Access::kReadWrite).status().code(),
              absl::StatusCode::kInternal);
  }
  absl::StatusOr<Filesystem> fs = Filesystem::Open(read_only.get(), Access::kRead);
  ASSERT_TRUE(fs.ok());
  EXPECT_EQ(fs->Commit().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::extfs
