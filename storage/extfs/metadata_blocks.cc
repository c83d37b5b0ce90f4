#include "storage/extfs/metadata_blocks.h"

#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <cstdint>

#include "daemon/base/error.h"
#include "storage/extfs/disk_error.h"

namespace flatvm::extfs {
namespace {

absl::Status AddGroup(ext2_filsys fs, dgrp_t group, std::vector<BlockRun>* runs) {
  if (ext2fs_group_desc_csum_verify(fs, group) == 0) {
    return DamagedDisk("the checksum of a group descriptor is wrong");
  }
  if (ext2fs_bg_free_blocks_count(fs, group) > fs->super->s_blocks_per_group ||
      ext2fs_bg_free_inodes_count(fs, group) > fs->super->s_inodes_per_group) {
    return DamagedDisk("a group descriptor counts more free than there are");
  }
  const uint64_t blocks = ext2fs_blocks_count(fs->super);
  const uint64_t first = ext2fs_group_first_block2(fs, group);
  blk_t copies = 0;  // superblock and descriptors, of which not every group has a copy
  ext2fs_super_and_bgd_loc2(fs, group, nullptr, nullptr, nullptr, &copies);
  if (copies > 0) {
    runs->push_back({.first = first, .count = std::min<uint64_t>(copies, blocks - first)});
  }
  for (const BlockRun& run : {BlockRun{.first = ext2fs_block_bitmap_loc(fs, group), .count = 1},
                              BlockRun{.first = ext2fs_inode_bitmap_loc(fs, group), .count = 1},
                              BlockRun{.first = ext2fs_inode_table_loc(fs, group),
                              .count = fs->inode_blocks_per_group}}) {
    if (run.first < fs->super->s_first_data_block || run.first >= blocks ||
        run.count > blocks - run.first) {
      return DamagedDisk("a bitmap or inode table lies outside the filesystem");
    }
    runs->push_back(run);
  }
  return absl::OkStatus();
}

bool Before(const BlockRun& a, const BlockRun& b) { return a.first < b.first; }

}  // namespace

absl::StatusOr<MetadataBlocks> MetadataBlocks::Read(struct_ext2_filsys* fs) {
  std::vector<BlockRun> runs;
  runs.reserve(size_t{4} * fs->group_desc_count);
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    FLATVM_RETURN_IF_ERROR(AddGroup(fs, group, &runs));
  }
  std::sort(runs.begin(), runs.end(), Before);
  std::vector<BlockRun> merged;
  for (const BlockRun& run : runs) {
    const uint64_t end = merged.empty() ? 0 : merged.back().first + merged.back().count;
    if (!merged.empty() && run.first < end) {
      return DamagedDisk("bitmaps and inode tables lie on each other");
    }
    if (!merged.empty() && run.first == end) {
      merged.back().count += run.count;
    } else {
      merged.push_back(run);
    }
  }
  return MetadataBlocks(std::move(merged));
}

bool MetadataBlocks::Overlap(const BlockRun& run) const {
  auto behind = std::upper_bound(runs_.begin(), runs_.end(), run, Before);
  if (behind != runs_.end() && behind->first < run.first + run.count) return true;
  if (behind == runs_.begin()) return false;
  --behind;
  return behind->first + behind->count > run.first;
}

}  // namespace flatvm::extfs
