// The bytes of an image out of the disk whose filesystem holds it, into a file of its own: blocks
// shared where the host's filesystem can, else copied; and the rest of the disk into a new one.
// Reads no filesystem; knows no names and nothing of durability. in_place.h is the way without a
// copy where blocks cannot be shared.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/disk_run.h"
#include "storage/extent.h"
#include "storage/sparse_copy.h"

namespace flatvm::storage {

// Of all: `disk` is open for reading, and nobody writes to it meanwhile; the other file is empty,
// open for writing, and holds a part after a failure. Errors: those of extent_check.h, nothing
// touched; INTERNAL.

// Gives `image` the blocks that `extents` name, the length `image_bytes`, and holes elsewhere.
// kUnsupported, and `image` empty as before, where the filesystem cannot share blocks, or not from
// offsets such as these, or the two files are not on one. Source: ioctl_ficlonerange(2).
absl::StatusOr<Sharing> ShareExtents(int disk, const std::vector<Extent>& extents, int image,
                                     uint64_t image_bytes);

// The same as a copy of the bytes; what is a hole on `disk` is one in `image`. Moves the file
// offset of `disk`. Blocks for as long as the disk takes.
absl::Status CopyExtents(int disk, const std::vector<Extent>& extents, int image,
                         uint64_t image_bytes, CopyMeans means);

// Copies what data `runs` have to the same offsets of `target`, never their holes: `target` may end
// up shorter than `disk`. Moves the file offset of `disk`. Blocks for as long as the disk takes.
absl::Status CopyRuns(int disk, const std::vector<DiskRun>& runs, int target, CopyMeans means);

}  // namespace flatvm::storage
