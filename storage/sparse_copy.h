// The content of one file, or of a run of it, for another: blocks shared where the filesystem can,
// else a copy in which holes stay holes. Knows nothing of names, sizes to be or durability.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/extent.h"

namespace flatvm::storage {

enum class Sharing { kShared, kUnsupported };

// Gives `target`, empty and open for writing, the length and the blocks of `source`, open for
// reading: whoever writes first gets blocks of its own. kUnsupported, and nothing done, where the
// filesystem cannot (ext4, tmpfs) or the two are not on one. Errors: INTERNAL. Source:
// ioctl_ficlone(2).
absl::StatusOr<Sharing> ShareBlocks(int source, int target);

// What moves the bytes of a copy: copy_file_range(2), with a buffer where that cannot; or a buffer
// at once.
enum class CopyMeans { kKernel, kBuffer };

// Writes what data `source` has to the same offsets of `target`, which is empty; never its holes,
// so that `target` may end up shorter. Nobody writes to `source` meanwhile. Moves the file offset
// of `source`. Errors: INTERNAL; `target` may then have a part. Blocks for as long as the disk
// takes.
absl::Status CopyData(int source, int target, CopyMeans means);

// The same for what data lies in `extent` of `source`, the disk: to the extent's offset in the
// file, `target`. Both ends of the extent are at most 2^63 - 1.
absl::Status CopyExtentData(int source, const Extent& extent, int target, CopyMeans means);

// All of `length` bytes, what is a hole as zeros: from `from` on of `source` to `to` on of
// `target`, which may have something there. All ends are at most 2^63 - 1. Errors and the rest as
// CopyData, but it moves no file offset.
absl::Status CopyRange(int source, uint64_t from, int target, uint64_t to, uint64_t length,
                       CopyMeans means);

// ShareBlocks, and where that cannot CopyData: `target` may end up shorter.
absl::Status CopyContent(int source, int target);

}  // namespace flatvm::storage
