// A run of a filesystem's blocks: plain data.
#pragma once

#include <cstdint>

namespace flatvm::extfs {

struct BlockRun {
  uint64_t first = 0;
  uint64_t count = 0;

  bool operator==(const BlockRun&) const = default;
};

}  // namespace flatvm::extfs
