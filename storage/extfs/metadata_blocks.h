// The blocks that are the filesystem's own: superblocks, group descriptors, bitmaps, inode tables.
// Not those of its own files, such as the journal.
#pragma once

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/extfs/block_run.h"

struct struct_ext2_filsys;  // libext2fs's

namespace flatvm::extfs {

// Immutable.
class MetadataBlocks {
 public:
  // Of a filesystem whose superblock is checked, from its group descriptors, which it checks, too:
  // checksums, places within the filesystem and apart from each other. Errors: FAILED_PRECONDITION
  // / kQuotaDiskUnusable.
  static absl::StatusOr<MetadataBlocks> Read(struct_ext2_filsys* fs);

  bool Overlap(const BlockRun& run) const;

  // Ascending and apart.
  const std::vector<BlockRun>& runs() const { return runs_; }

 private:
  explicit MetadataBlocks(std::vector<BlockRun> runs) : runs_(std::move(runs)) {}

  std::vector<BlockRun> runs_;
};

}  // namespace flatvm::extfs
