// Which free blocks a new file's data is to have. Decides; takes none.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/extfs/block_run.h"

namespace flatvm::extfs {

class Filesystem;

// `blocks` of a file that begin at its block `logical`, and at `first` of the filesystem.
struct PlacedRun {
  uint64_t logical = 0;
  uint64_t first = 0;
  uint64_t count = 0;

  bool operator==(const PlacedRun&) const = default;
};

// Places for `wanted`, runs of a file's blocks, ascending and apart. They ascend on the disk, too,
// and lie in as few and as large free runs as will do. Where both a run and a place begin, their
// numbers are multiples of `unit`, a power of two, if there is room enough so; `wanted` begins at
// such multiples, and ends there but at its end. Errors: FAILED_PRECONDITION / kQuotaDiskFull.
absl::StatusOr<std::vector<PlacedRun>> FindPlaces(const Filesystem& fs,
                                                  const std::vector<BlockRun>& wanted,
                                                  uint64_t unit);

}  // namespace flatvm::extfs
