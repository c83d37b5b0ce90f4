// Which extents of an image may stay where they are when its disk becomes its file.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/extent.h"

namespace flatvm::storage {

// Both ascend in the file; `kept` ascends on the disk, too.
struct AscendingSplit {
  std::vector<Extent> kept;
  std::vector<Extent> strays;
  uint64_t stray_bytes = 0;
};

// Keeps as many bytes as can be kept. `extents` ascend in the file and lie apart on the disk. Takes
// n log n steps. An allocator that comes to the end of a disk goes on at its beginning: then all
// before that, or all behind it, are strays.
AscendingSplit SplitAscending(const std::vector<Extent>& extents);

}  // namespace flatvm::storage
