// Where the blocks of a file lie on the host's disk beneath its filesystem. Only numbers: nothing
// is read there or written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::storage {

// `length` bytes of a file from `offset` on that have blocks, which begin at `host_offset` of the
// host's disk. Such as were allocated and never written, and read as zeros, too.
struct BlockRun {
  uint64_t offset = 0;
  uint64_t host_offset = 0;
  uint64_t length = 0;

  bool operator==(const BlockRun&) const = default;
};

struct BlockMap {
  uint64_t bytes = 0;          // the file's length
  std::vector<BlockRun> runs;  // ascending by `offset`; what follows on in both is one

  bool operator==(const BlockMap&) const = default;
};

// nullopt for more than `max_runs`, and where blocks have no place or not one of the file's own:
// tmpfs, shared (reflinked) or compressed blocks, content in the inode. Writes out what the host's
// cache has. Errors: INTERNAL. Blocks on the disk. Source: the kernel's
// Documentation/filesystems/fiemap.rst.
absl::StatusOr<std::optional<BlockMap>> FindBlockMap(int file, size_t max_runs);

}  // namespace flatvm::storage
