#include "storage/extfs/file_map.h"

#include <endian.h>
#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "daemon/base/error.h"
#include "storage/extfs/disk_error.h"
#include "storage/extfs/filesystem.h"
#include "storage/unusable_image.h"

namespace flatvm::extfs {
namespace {

constexpr uint16_t kMaxDepth = 5;  // the kernel's EXT4_MAX_EXTENT_DEPTH

struct ExtentFree {
  void operator()(struct ext2_extent_handle* handle) const { ext2fs_extent_free(handle); }
};
using ExtentHandle = std::unique_ptr<struct ext2_extent_handle, ExtentFree>;

constexpr const char* kReading = "reading a file's extents";

// libext2fs would allocate a path as deep as the guest says.
absl::Status CheckDepth(const ext2_inode& inode) {
  ext3_extent_header header{};
  static_assert(sizeof header <= sizeof inode.i_block);
  std::memcpy(&header, inode.i_block, sizeof header);
  if (le16toh(header.eh_depth) > kMaxDepth) return DamagedDisk("a tree of extents is too deep");
  return absl::OkStatus();
}

absl::Status AddExtent(const Filesystem& fs, const ext2fs_extent& extent, FileMap* map) {
  // The way back up from a node: it was added on the way down.
  if ((extent.e_flags & EXT2_EXTENT_FLAGS_SECOND_VISIT) != 0) return absl::OkStatus();
  if (map->runs.size() + map->nodes.size() >= kMaxExtents) {
    return storage::UnusableImage("has more than 1048576 extents; copy it to have fewer");
  }
  if ((extent.e_flags & EXT2_EXTENT_FLAGS_LEAF) == 0) {
    const BlockRun node = {.first = extent.e_pblk, .count = 1};
    map->nodes.push_back(node);
    return fs.CheckData(node);  // before libext2fs reads it
  }
  const MappedRun run = {.logical = extent.e_lblk,
                         .blocks = {.first = extent.e_pblk, .count = extent.e_len},
                         .written = (extent.e_flags & EXT2_EXTENT_FLAGS_UNINIT) == 0};
  // A node that is there twice, or a loop, comes to grief here.
  if (!map->runs.empty() &&
      run.logical < map->runs.back().logical + map->runs.back().blocks.count) {
    return DamagedDisk("a file's extents are not in order");
  }
  map->runs.push_back(run);
  return fs.CheckData(run.blocks);
}

absl::Status CheckApart(const FileMap& map) {
  std::vector<BlockRun> all = map.nodes;
  all.reserve(map.nodes.size() + map.runs.size());
  for (const MappedRun& run : map.runs) all.push_back(run.blocks);
  std::sort(all.begin(), all.end(),
            [](const BlockRun& a, const BlockRun& b) { return a.first < b.first; });
  for (size_t i = 1; i < all.size(); ++i) {
    if (all[i].first < all[i - 1].first + all[i - 1].count) {
      return DamagedDisk("a file has a block twice");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FileMap> ReadFileMap(const Filesystem& fs, uint32_t number,
                                    const ext2_inode& inode) {
  FLATVM_RETURN_IF_ERROR(CheckDepth(inode));
  ext2_inode copy = inode;  // outlives the handle; libext2fs may write to it
  ext2_extent_handle_t opened = nullptr;
  if (const errcode_t error = ext2fs_extent_open2(fs.handle(), number, &copy, &opened);
      error != 0) {
    return LibraryError(error, kReading);
  }
  const ExtentHandle handle(opened);
  FileMap map;
  // Each step but the ways back up adds to the map, which is bounded.
  for (int step = EXT2_EXTENT_ROOT;; step = EXT2_EXTENT_NEXT) {
    ext2fs_extent extent{};
    const errcode_t error = ext2fs_extent_get(handle.get(), step, &extent);
    if (error == EXT2_ET_EXTENT_NO_NEXT) break;
    if (error != 0) return LibraryError(error, kReading);
    FLATVM_RETURN_IF_ERROR(AddExtent(fs, extent, &map));
  }
  FLATVM_RETURN_IF_ERROR(CheckApart(map));
  return map;
}

}  // namespace flatvm::extfs
