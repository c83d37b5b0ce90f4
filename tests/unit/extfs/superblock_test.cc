#include "storage/extfs/superblock.h"

#include <ext2fs/ext2fs.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

using ::testing::HasSubstr;
using Change = std::function<void(ext2_super_block*)>;

constexpr uint64_t kDiskBytes = uint64_t{8} << 20U;

class SuperblockTest : public ::testing::Test {
 protected:
  SuperblockTest() {
    QuotaDisk disk;
    disk.Make({"-b", "4096"});
    const std::string bytes = disk.Bytes();
    std::memcpy(&super_, bytes.data() + SUPERBLOCK_OFFSET, sizeof super_);
  }

  ext2_super_block super_{};
};

TEST_F(SuperblockTest, AcceptsWhatMke2fsMakes) {
  const absl::Status status = CheckSuperblock(super_, kDiskBytes);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(CheckSuperblock(super_, uint64_t{1} << 60U).ok());
}

TEST_F(SuperblockTest, AcceptsWhatIsHarmless) {
  const std::vector<std::pair<const char*, Change>> cases = {
      {"fast commits", [](auto* s) { s->s_feature_compat |= EXT4_FEATURE_COMPAT_FAST_COMMIT; }},
      {"an orphan file with nothing in it",
       [](auto* s) { s->s_feature_compat |= EXT4_FEATURE_COMPAT_ORPHAN_FILE; }},
      {"a seed for checksums",
       [](auto* s) { s->s_feature_incompat |= EXT4_FEATURE_INCOMPAT_CSUM_SEED; }},
      {"no checksums",
       [](auto* s) { s->s_feature_ro_compat &= ~uint32_t{EXT4_FEATURE_RO_COMPAT_METADATA_CSUM}; }},
      {"32 bit block numbers",
       [](auto* s) {
         s->s_feature_incompat &= ~uint32_t{EXT4_FEATURE_INCOMPAT_64BIT};
         s->s_desc_size = 0;
         s->s_blocks_count_hi = 7;  // means nothing then
       }},
      {"the largest of all", [](auto* s) { s->s_blocks_count = 1U << 31U; }},
      {"many mounts", [](auto* s) { s->s_mnt_count = 65535; }},
  };
  for (const auto& [what, change] : cases) {
    ext2_super_block super = super_;
    change(&super);
    const absl::Status status = CheckSuperblock(super, uint64_t{1} << 60U);
    EXPECT_TRUE(status.ok()) << what << ": " << status;
  }
}

TEST_F(SuperblockTest, RefusesAllElseSayingWhy) {
  const std::vector<std::pair<const char*, Change>> cases = {
      {"ext2 or ext3", [](auto* s) { s->s_rev_level = EXT2_GOOD_OLD_REV; }},
      {"ext2 or ext3",
       [](auto* s) { s->s_feature_incompat &= ~uint32_t{EXT3_FEATURE_INCOMPAT_EXTENTS}; }},
      {"ext2 or ext3",
       [](auto* s) { s->s_feature_incompat &= ~uint32_t{EXT2_FEATURE_INCOMPAT_FILETYPE}; }},
      {"does not know",
       [](auto* s) { s->s_feature_incompat |= EXT2_FEATURE_INCOMPAT_COMPRESSION; }},
      {"does not know", [](auto* s) { s->s_feature_incompat |= 1U << 31U; }},
      {"does not know", [](auto* s) { s->s_feature_ro_compat |= 1U << 31U; }},
      {"does not know", [](auto* s) { s->s_feature_compat |= 1U << 31U; }},
      {"journal_dev", [](auto* s) { s->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_JOURNAL_DEV; }},
      {"meta_bg", [](auto* s) { s->s_feature_incompat |= EXT2_FEATURE_INCOMPAT_META_BG; }},
      {"mmp", [](auto* s) { s->s_feature_incompat |= EXT4_FEATURE_INCOMPAT_MMP; }},
      {"encrypt", [](auto* s) { s->s_feature_incompat |= EXT4_FEATURE_INCOMPAT_ENCRYPT; }},
      {"casefold", [](auto* s) { s->s_feature_incompat |= EXT4_FEATURE_INCOMPAT_CASEFOLD; }},
      {"inline_data", [](auto* s) { s->s_feature_incompat |= EXT4_FEATURE_INCOMPAT_INLINE_DATA; }},
      {"quota", [](auto* s) { s->s_feature_ro_compat |= EXT4_FEATURE_RO_COMPAT_QUOTA; }},
      {"bigalloc", [](auto* s) { s->s_feature_ro_compat |= EXT4_FEATURE_RO_COMPAT_BIGALLOC; }},
      {"journal on another disk", [](auto* s) { s->s_journal_dev = 0x801; }},
      {"more than 4 KiB", [](auto* s) { s->s_log_block_size = s->s_log_cluster_size = 3; }},
      {"more than 4 KiB", [](auto* s) { s->s_log_block_size = 0xFFFFFFFF; }},
      {"proportions", [](auto* s) { s->s_log_cluster_size = 6; }},
      {"proportions", [](auto* s) { s->s_first_data_block = 1; }},
      {"proportions", [](auto* s) { s->s_blocks_per_group = 8; }},
      {"proportions", [](auto* s) { s->s_clusters_per_group = 8; }},
      {"proportions", [](auto* s) { s->s_inodes_per_group = 0; }},
      {"proportions", [](auto* s) { s->s_inodes_per_group = 32776; }},
      {"proportions", [](auto* s) { s->s_inodes_per_group = 4095; }},
      {"proportions", [](auto* s) { s->s_inode_size = 64; }},
      {"proportions", [](auto* s) { s->s_inode_size = 200; }},
      {"proportions", [](auto* s) { s->s_inode_size = 8192; }},
      {"proportions", [](auto* s) { s->s_desc_size = 1024; }},
      {"proportions", [](auto* s) { s->s_reserved_gdt_blocks = 1025; }},
      {"proportions", [](auto* s) { s->s_first_ino = 2; }},
      {"proportions", [](auto* s) { s->s_first_ino = 0xFFFFFFFF; }},
      {"more than 2147483648 blocks", [](auto* s) { s->s_blocks_count_hi = 1; }},
      {"no blocks", [](auto* s) { s->s_blocks_count = 0; }},
      {"smaller than its filesystem", [](auto* s) { ++s->s_blocks_count; }},
      {"more free blocks", [](auto* s) { s->s_free_blocks_count = s->s_blocks_count + 1; }},
      {"more free blocks", [](auto* s) { s->s_free_blocks_hi = 1; }},
      {"having errors", [](auto* s) { s->s_state = EXT2_VALID_FS | EXT2_ERROR_FS; }},
      {"cleanly", [](auto* s) { s->s_state = 0; }},
      {"cleanly", [](auto* s) { s->s_state = EXT2_VALID_FS | EXT3_ORPHAN_FS; }},
      {"cleanly", [](auto* s) { s->s_last_orphan = 12; }},
      {"cleanly", [](auto* s) { s->s_feature_incompat |= EXT3_FEATURE_INCOMPAT_RECOVER; }},
      {"cleanly", [](auto* s) { s->s_feature_ro_compat |= EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT; }},
  };
  for (const auto& [says, change] : cases) {
    ext2_super_block super = super_;
    change(&super);
    const absl::Status status = CheckSuperblock(super, kDiskBytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << says;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kQuotaDiskUnusable) << says;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(says));
  }
}

}  // namespace
}  // namespace flatvm::extfs
