// A run of a disk's bytes: plain data.
#pragma once

#include <cstdint>

namespace flatvm::storage {

// `length` bytes, not 0, from `offset` on.
struct DiskRun {
  uint64_t offset = 0;
  uint64_t length = 0;

  bool operator==(const DiskRun&) const = default;
};

}  // namespace flatvm::storage
