// A quota disk beside another: all of its used blocks, into an empty file.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "storage/extent.h"

namespace flatvm::quota_worker {

// `disk` is open for reading, `new_disk` for writing; it is empty and has holes where nothing is
// copied to, and ends up no shorter than `disk`. Of the bytes in `except`, in any order, none is
// copied. Errors: FAILED_PRECONDITION / kQuotaDiskUnusable; INTERNAL. Blocks for as long as the
// disk takes.
absl::Status CopyUsedBlocks(int disk, const std::vector<storage::Extent>& except, int new_disk);

}  // namespace flatvm::quota_worker
