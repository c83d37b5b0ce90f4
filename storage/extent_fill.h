// The bytes of an image into places on a disk, blocks shared where the host's filesystem can, else
// copied: the way back of extent_copy.h. Reads no filesystem; knows no names and nothing of
// durability.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/disk_run.h"
#include "storage/extent.h"
#include "storage/sparse_copy.h"

namespace flatvm::storage {

// What of the first `bytes` of `file`, open for reading, is not a hole: ascending and apart. All of
// it for a file in more than kMaxExtents pieces. Moves the file offset. Errors: INTERNAL.
absl::StatusOr<std::vector<DiskRun>> FindData(int file, uint64_t bytes);

// Gives `disk`, open for writing, at each extent's place what `image`, of `image_bytes` and open
// for reading, has at its offset; zeros behind the image's end. Nobody writes to either meanwhile.
// `means` is for what cannot be shared. Errors: those of extent_check.h, nothing touched; INTERNAL,
// a part may be written. Blocks for as long as the disk takes.
absl::Status FillExtents(int image, uint64_t image_bytes, const std::vector<Extent>& extents,
                         int disk, CopyMeans means);

}  // namespace flatvm::storage
