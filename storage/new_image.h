// An image that an operator wants in the catalog, as plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/base/types.h"

namespace flatvm::storage {

struct NewImageDisk {
  std::string path;
  base::DiskFormat format = base::DiskFormat::kRaw;  // said, never probed
};

// Paths are any on the host that the caller may read, symlinks too.
struct NewImage {
  std::string description;
  uint32_t min_memory_mib = 0;
  std::optional<NewImageDisk> disk;
  std::string kernel_path;  // empty: none, and then neither initrd nor cmdline
  std::string initrd_path;  // empty: none
  std::string cmdline;
};

}  // namespace flatvm::storage
