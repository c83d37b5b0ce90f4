#include "storage/extfs/superblock.h"

#include <ext2fs/ext2fs.h>

#include <array>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/extfs/disk_error.h"

namespace flatvm::extfs {
namespace {

constexpr uint32_t kMaxLogBlockSize = 2;  // 4 KiB

constexpr uint32_t kCompat = EXT2_FEATURE_COMPAT_DIR_PREALLOC | EXT3_FEATURE_COMPAT_HAS_JOURNAL |
                             EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE |
                             EXT2_FEATURE_COMPAT_DIR_INDEX | EXT4_FEATURE_COMPAT_SPARSE_SUPER2 |
                             EXT4_FEATURE_COMPAT_FAST_COMMIT | EXT4_FEATURE_COMPAT_STABLE_INODES |
                             EXT4_FEATURE_COMPAT_ORPHAN_FILE;
constexpr uint32_t kIncompatNeeded = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS;
// RECOVER is CheckCleanlyUnmounted's.
constexpr uint32_t kIncompat = kIncompatNeeded | EXT3_FEATURE_INCOMPAT_RECOVER |
                               EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_FLEX_BG |
                               EXT4_FEATURE_INCOMPAT_CSUM_SEED;
// ORPHAN_PRESENT likewise.
constexpr uint32_t kRoCompat =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
    EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT;

// As mke2fs -O spells them.
struct Feature {
  uint32_t bit;
  std::string_view name;
};
constexpr std::array<Feature, 9> kOtherIncompat = {{
    {EXT3_FEATURE_INCOMPAT_JOURNAL_DEV, "journal_dev"},
    {EXT2_FEATURE_INCOMPAT_META_BG, "meta_bg"},
    {EXT4_FEATURE_INCOMPAT_MMP, "mmp"},
    {EXT4_FEATURE_INCOMPAT_EA_INODE, "ea_inode"},
    {EXT4_FEATURE_INCOMPAT_DIRDATA, "dirdata"},
    {EXT4_FEATURE_INCOMPAT_LARGEDIR, "large_dir"},
    {EXT4_FEATURE_INCOMPAT_INLINE_DATA, "inline_data"},
    {EXT4_FEATURE_INCOMPAT_ENCRYPT, "encrypt"},
    {EXT4_FEATURE_INCOMPAT_CASEFOLD, "casefold"},
}};
constexpr std::array<Feature, 6> kOtherRoCompat = {{
    {EXT4_FEATURE_RO_COMPAT_QUOTA, "quota"},
    {EXT4_FEATURE_RO_COMPAT_BIGALLOC, "bigalloc"},
    {EXT4_FEATURE_RO_COMPAT_READONLY, "read-only"},
    {EXT4_FEATURE_RO_COMPAT_PROJECT, "project"},
    {EXT4_FEATURE_RO_COMPAT_SHARED_BLOCKS, "shared_blocks"},
    {EXT4_FEATURE_RO_COMPAT_VERITY, "verity"},
}};

template <size_t kCount>
absl::Status CheckFeatures(uint32_t features, uint32_t known,
                           const std::array<Feature, kCount>& others) {
  const uint32_t unknown = features & ~known;
  if (unknown == 0) return absl::OkStatus();
  for (const Feature& other : others) {
    if ((unknown & other.bit) == 0) continue;
    return UnusableDisk(base::StrCat("has ext4's feature ", other.name,
                                     ", which the host does not read; make it by mkfs.ext4 "
                                     "without it"));
  }
  return UnusableDisk("has a feature of ext4 that the host does not know");
}

absl::Status CheckAllFeatures(const ext2_super_block& super) {
  if (super.s_rev_level != EXT2_DYNAMIC_REV ||
      (super.s_feature_incompat & kIncompatNeeded) != kIncompatNeeded) {
    return UnusableDisk("has an ext2 or ext3; make an ext4 by mkfs.ext4");
  }
  constexpr std::array<Feature, 0> kNone = {};
  FLATVM_RETURN_IF_ERROR(CheckFeatures(super.s_feature_incompat, kIncompat, kOtherIncompat));
  FLATVM_RETURN_IF_ERROR(CheckFeatures(super.s_feature_ro_compat, kRoCompat, kOtherRoCompat));
  FLATVM_RETURN_IF_ERROR(CheckFeatures(super.s_feature_compat, kCompat, kNone));
  if (super.s_journal_dev != 0) return UnusableDisk("has its journal on another disk");
  return absl::OkStatus();
}

absl::Status CheckCleanlyUnmounted(const ext2_super_block& super) {
  if ((super.s_state & EXT2_ERROR_FS) != 0) {
    return DamagedDisk("its filesystem is marked as having errors");
  }
  if (super.s_state != EXT2_VALID_FS || super.s_last_orphan != 0 ||
      (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0 ||
      (super.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT) != 0) {
    return UnusableDisk("was not cleanly unmounted; mount it in the primary and unmount it again");
  }
  return absl::OkStatus();
}

uint64_t BlocksOf(const ext2_super_block& super, uint32_t low, uint32_t high) {
  const bool wide = (super.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  return wide ? uint64_t{high} << 32U | low : low;
}

// Where mke2fs would let one choose (-g, -C, -I), only its default is known here: that is what
// bounds the number of groups by the number of blocks.
absl::Status CheckProportions(const ext2_super_block& super) {
  const uint32_t block_bytes = 1024U << super.s_log_block_size;
  const uint32_t per_bitmap = 8 * block_bytes;
  const uint32_t inode_bytes = super.s_inode_size;
  const bool wide = (super.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  const bool fits =
      super.s_log_cluster_size == super.s_log_block_size &&
      super.s_first_data_block == (block_bytes == 1024 ? 1U : 0U) &&
      super.s_blocks_per_group == per_bitmap && super.s_clusters_per_group == per_bitmap &&
      super.s_inodes_per_group > 0 && super.s_inodes_per_group % 8 == 0 &&
      super.s_inodes_per_group <= per_bitmap && inode_bytes >= EXT2_GOOD_OLD_INODE_SIZE &&
      inode_bytes <= block_bytes && (inode_bytes & (inode_bytes - 1)) == 0 &&
      (!wide || super.s_desc_size == EXT2_MIN_DESC_SIZE_64BIT) &&
      super.s_reserved_gdt_blocks <= block_bytes / 4 &&
      super.s_first_ino >= EXT2_GOOD_OLD_FIRST_INO && super.s_first_ino < super.s_inodes_count;
  if (!fits) return UnusableDisk("has an ext4 of unusual proportions; make it by mkfs.ext4");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSuperblock(const ext2_super_block& super, uint64_t disk_bytes) {
  FLATVM_RETURN_IF_ERROR(CheckAllFeatures(super));
  if (super.s_log_block_size > kMaxLogBlockSize) {
    return UnusableDisk("has blocks of more than 4 KiB");
  }
  FLATVM_RETURN_IF_ERROR(CheckProportions(super));
  const uint64_t blocks = BlocksOf(super, super.s_blocks_count, super.s_blocks_count_hi);
  if (blocks > kMaxBlocks) return UnusableDisk("has more than 2147483648 blocks");
  if (blocks <= super.s_first_data_block) return DamagedDisk("it has no blocks");
  if (blocks > disk_bytes >> (10U + super.s_log_block_size)) {
    return UnusableDisk("is smaller than its filesystem; shrink that by resize2fs");
  }
  if (BlocksOf(super, super.s_free_blocks_count, super.s_free_blocks_hi) > blocks) {
    return DamagedDisk("it has more free blocks than blocks");
  }
  return CheckCleanlyUnmounted(super);
}

}  // namespace flatvm::extfs
