// Whether lists that a filesystem's reader gave can be true. A reader handles what a guest wrote:
// its lists are believed in nothing before this.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "storage/disk_run.h"
#include "storage/extent.h"

namespace flatvm::storage {

// An extent of ext4 has at most 128 MiB: an image of 64 TiB has 2^19 of them if it could not lie
// better. 24 bytes each.
constexpr size_t kMaxExtents = size_t{1} << 20U;

// Errors of both: INVALID_ARGUMENT / kFieldOutOfRange or kFieldMalformed, naming the first element
// that is wrong.

// That `extents` can be the place of a file of `image_bytes`, not 0 and a multiple of 512, on a
// disk of `disk_bytes`: at most kMaxExtents, ascending and apart in the file and apart on the disk,
// within both, multiples of ext4's smallest block.
absl::Status CheckExtents(const std::vector<Extent>& extents, uint64_t image_bytes,
                          uint64_t disk_bytes);

// That `runs` ascend and lie apart and within a disk of `disk_bytes`; at most kMaxExtents.
absl::Status CheckRuns(const std::vector<DiskRun>& runs, uint64_t disk_bytes);

}  // namespace flatvm::storage
