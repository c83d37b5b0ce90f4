// Where a file's or directory's blocks lie: its extent tree, walked and checked. Judges no file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/extfs/block_run.h"

struct ext2_inode;  // libext2fs's

namespace flatvm::extfs {

class Filesystem;

// Of a file of 1 TiB, extents of a MiB each: far more scattered than ext4 leaves anything. 24 MiB
// of memory, and some 3000 blocks of the tree to read.
constexpr size_t kMaxExtents = size_t{1} << 20U;

struct MappedRun {
  uint64_t logical = 0;  // the first's number in the file
  BlockRun blocks;       // on the disk
  bool written = false;  // else allocated only: reads as zeros
};

struct FileMap {
  std::vector<MappedRun> runs;  // ascending by `logical`, not overlapping
  std::vector<BlockRun> nodes;  // blocks of the tree itself
};

// Of inode `number`, which has extents. Each block is CheckData's, and none is there twice. Errors:
// FAILED_PRECONDITION / kQuotaDiskUnusable, and kImageUnusable for too many extents; INTERNAL.
// Blocks on the disk.
absl::StatusOr<FileMap> ReadFileMap(const Filesystem& fs, uint32_t number, const ext2_inode& inode);

}  // namespace flatvm::extfs
