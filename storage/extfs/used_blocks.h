// What of a quota disk holds something: for a sparse copy of all of it but an image.
#pragma once

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/extent.h"

namespace flatvm::extfs {

class Filesystem;

// 96 MiB of memory.
constexpr size_t kMaxUsedExtents = size_t{1} << 22U;

// The blocks that are marked used and what lies in front of the filesystem, without the bytes of
// `except` (an image's extents, in any order), ascending, runs that continue each other merged; the
// file is the disk itself: both offsets are the same. After RemoveImage what is left is all but the
// image, without `except`; before, the image's preallocated blocks and its tree's are still there.
// Nothing behind the filesystem's end, and blocks that are used may still never have been written:
// the disk has holes there. Errors: FAILED_PRECONDITION / kQuotaDiskUnusable, too fragmented.
absl::StatusOr<std::vector<storage::Extent>> UsedExtents(const Filesystem& fs,
                                                         std::vector<storage::Extent> except);

}  // namespace flatvm::extfs
