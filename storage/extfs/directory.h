// One name in one directory: found and taken out. Directories are read block by block, hash tree or
// not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct ext2_inode;  // libext2fs's

namespace flatvm::extfs {

class Filesystem;

// Half a million short names.
constexpr uint64_t kMaxDirectoryBytes = uint64_t{16} << 20U;

struct DirectoryEntry {
  uint32_t inode = 0;                // as the directory says: may be no inode at all
  uint32_t offset = 0;               // in its block
  std::optional<uint32_t> previous;  // the offset of the entry in front of it
};

struct DirectoryPlace {
  uint32_t directory = 0;  // inode number
  uint64_t block = 0;      // of the filesystem
  DirectoryEntry entry;
};

// `name` in `block`, all of a directory's block. Pure. Errors: FAILED_PRECONDITION /
// kQuotaDiskUnusable, also if what is wrong lies behind the name.
absl::StatusOr<std::optional<DirectoryEntry>> FindInBlock(std::string_view block,
                                                          std::string_view name);

// `name` in inode `directory`, which must be a directory. Errors: FAILED_PRECONDITION /
// kQuotaDiskUnusable, and kImageUnusable for a directory of a kind that is not read: encrypted,
// case-insensitive, inline, without extents, too large; INTERNAL. Blocks on the disk.
absl::StatusOr<std::optional<DirectoryPlace>> FindInDirectory(const Filesystem& fs,
                                                              uint32_t directory,
                                                              const ext2_inode& inode,
                                                              std::string_view name);

// Takes out what FindInDirectory found; the inode stays as it is. Errors: FAILED_PRECONDITION /
// kQuotaDiskUnusable; INTERNAL. Blocks on the disk.
absl::Status RemoveFromDirectory(Filesystem* fs, const DirectoryPlace& place);

}  // namespace flatvm::extfs
