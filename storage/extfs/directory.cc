#include "storage/extfs/directory.h"

#include <endian.h>
#include <ext2fs/ext2fs.h>

#include <cstring>
#include <string>

#include "daemon/base/error.h"
#include "storage/extfs/disk_error.h"
#include "storage/extfs/file_map.h"
#include "storage/extfs/filesystem.h"
#include "storage/unusable_image.h"

namespace flatvm::extfs {
namespace {

constexpr const char* kReading = "reading a directory";

// An entry: inode, 4 bytes; its own length, 2; its name's, 1; a file type, 1; the name. Blocks of
// at most 4 KiB spell the length as it is.
constexpr size_t kLengthAt = 4;
constexpr size_t kNameLengthAt = 6;
constexpr size_t kNameAt = 8;

uint16_t LengthAt(std::string_view block, size_t at) {
  uint16_t length = 0;
  std::memcpy(&length, block.data() + at + kLengthAt, sizeof length);
  return le16toh(length);
}

void SetLengthAt(std::string* block, size_t at, uint16_t length) {
  const uint16_t stored = htole16(length);
  std::memcpy(block->data() + at + kLengthAt, &stored, sizeof stored);
}

uint32_t InodeAt(std::string_view block, size_t at) {
  uint32_t inode = 0;
  std::memcpy(&inode, block.data() + at, sizeof inode);
  return le32toh(inode);
}

absl::Status DamagedDirectory() { return DamagedDisk("a directory's entries do not fit"); }

absl::StatusOr<std::string> ReadBlock(const Filesystem& fs, uint32_t directory, uint64_t number) {
  std::string block(fs.handle()->blocksize, '\0');
  const errcode_t error = ext2fs_read_dir_block4(fs.handle(), number, block.data(), 0, directory);
  if (error != 0) return LibraryError(error, kReading);
  return block;
}

absl::Status CheckDirectory(const ext2_inode& inode, uint64_t bytes, uint32_t block_bytes) {
  constexpr uint32_t kOtherKinds = EXT4_ENCRYPT_FL | EXT4_CASEFOLD_FL | EXT4_INLINE_DATA_FL;
  if ((inode.i_flags & kOtherKinds) != 0 || (inode.i_flags & EXT4_EXTENTS_FL) == 0) {
    return storage::UnusableImage(
        "lies in a directory of a kind that the host does not read (encrypted, case-insensitive, "
        "inline or without extents)");
  }
  if (bytes > kMaxDirectoryBytes) {
    return storage::UnusableImage("lies in a directory of more than 16 MiB");
  }
  if (bytes == 0 || bytes % block_bytes != 0) return DamagedDisk("a directory has no whole blocks");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<DirectoryEntry>> FindInBlock(std::string_view block,
                                                          std::string_view name) {
  std::optional<DirectoryEntry> found;
  std::optional<uint32_t> previous;
  for (size_t at = 0; at < block.size();) {
    if (block.size() - at < kNameAt) return DamagedDirectory();
    const size_t length = LengthAt(block, at);
    if (length < kNameAt || length % 4 != 0 || length > block.size() - at) {
      return DamagedDirectory();
    }
    const uint32_t inode = InodeAt(block, at);
    const auto name_length = static_cast<unsigned char>(block[at + kNameLengthAt]);
    if (inode != 0) {
      if (name_length > length - kNameAt) return DamagedDirectory();
      if (!found.has_value() && block.substr(at + kNameAt, name_length) == name) {
        found = DirectoryEntry{
            .inode = inode, .offset = static_cast<uint32_t>(at), .previous = previous};
      }
    }
    previous = static_cast<uint32_t>(at);
    at += length;
  }
  return found;
}

absl::StatusOr<std::optional<DirectoryPlace>> FindInDirectory(const Filesystem& fs,
                                                              uint32_t directory,
                                                              const ext2_inode& inode,
                                                              std::string_view name) {
  const uint32_t block_bytes = fs.handle()->blocksize;
  const uint64_t bytes = EXT2_I_SIZE(&inode);
  FLATVM_RETURN_IF_ERROR(CheckDirectory(inode, bytes, block_bytes));
  FLATVM_ASSIGN_OR_RETURN(const FileMap map, ReadFileMap(fs, directory, inode));
  const uint64_t end = bytes / block_bytes;
  for (const MappedRun& run : map.runs) {
    if (!run.written) continue;
    for (uint64_t i = 0; i < run.blocks.count && run.logical + i < end; ++i) {
      const uint64_t number = run.blocks.first + i;
      FLATVM_ASSIGN_OR_RETURN(const std::string block, ReadBlock(fs, directory, number));
      FLATVM_ASSIGN_OR_RETURN(const std::optional<DirectoryEntry> entry, FindInBlock(block, name));
      if (entry.has_value()) {
        return DirectoryPlace{.directory = directory, .block = number, .entry = *entry};
      }
    }
  }
  return std::nullopt;
}

absl::Status RemoveFromDirectory(Filesystem* fs, const DirectoryPlace& place) {
  FLATVM_ASSIGN_OR_RETURN(std::string block, ReadBlock(*fs, place.directory, place.block));
  const uint32_t at = place.entry.offset;
  if (place.entry.previous.has_value()) {
    // Both lie in one block of at most 4 KiB.
    const int length = LengthAt(block, *place.entry.previous) + LengthAt(block, at);
    SetLengthAt(&block, *place.entry.previous, static_cast<uint16_t>(length));
  } else {
    const uint32_t none = 0;
    std::memcpy(block.data() + at, &none, sizeof none);
  }
  const errcode_t error =
      ext2fs_write_dir_block4(fs->handle(), place.block, block.data(), 0, place.directory);
  if (error != 0) return LibraryError(error, "writing a directory");
  return absl::OkStatus();
}

}  // namespace flatvm::extfs
