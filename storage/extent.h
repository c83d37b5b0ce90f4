// A run of a file's bytes within a disk: plain data that a filesystem's reader hands to who moves
// the bytes.
#pragma once

#include <cstdint>

namespace flatvm::storage {

// `length` bytes of a file, not 0, that begin at `file_offset` in the file and at `disk_offset` on
// the disk that holds the filesystem. All three are multiples of the filesystem's block size.
struct Extent {
  uint64_t file_offset = 0;
  uint64_t disk_offset = 0;
  uint64_t length = 0;

  bool operator==(const Extent&) const = default;
};

}  // namespace flatvm::storage
