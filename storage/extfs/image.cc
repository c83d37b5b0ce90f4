#include "storage/extfs/image.h"

#include <ext2fs/ext2fs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <optional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/extfs/disk_error.h"
#include "storage/extfs/file_map.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/image_path.h"
#include "storage/extfs/inode.h"
#include "storage/unusable_image.h"

namespace flatvm::extfs {
namespace {

using storage::UnusableImage;

constexpr uint64_t kSectorBytes = 512;  // of a disk that is to be made of the image

constexpr uint32_t kEofBlocksFlag = 0x00400000;  // set by Linux up to 5.6, and without a meaning

// Flags that change nothing of what a file's bytes are or who may remove it.
constexpr uint32_t kHarmlessFlags = EXT2_SECRM_FL | EXT2_UNRM_FL | EXT2_SYNC_FL | EXT2_NODUMP_FL |
                                    EXT2_NOATIME_FL | EXT2_NOCOMPR_FL | EXT3_JOURNAL_DATA_FL |
                                    EXT2_NOTAIL_FL | EXT4_HUGE_FILE_FL | EXT4_EXTENTS_FL |
                                    FS_NOCOW_FL | FS_DAX_FL | EXT4_PROJINHERIT_FL | kEofBlocksFlag;

struct FoundFile {
  DirectoryPlace place;
  uint32_t number = 0;
  ext2_inode inode{};
};

absl::Status NotFound() {
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kImageNotFound,
                         "there is no such file on the quota disk");
}

absl::StatusOr<FoundFile> Find(const Filesystem& fs, std::string_view path) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string_view> names, ParseImagePath(path));
  FoundFile found = {.number = EXT2_ROOT_INO};
  FLATVM_RETURN_IF_ERROR(ReadInode(fs, found.number, &found.inode));
  for (const std::string_view name : names) {
    if (LINUX_S_ISLNK(found.inode.i_mode)) {
      return UnusableImage("is reached through a symbolic link; give its own path");
    }
    if (!LINUX_S_ISDIR(found.inode.i_mode)) return NotFound();
    FLATVM_ASSIGN_OR_RETURN(const std::optional<DirectoryPlace> place,
                            FindInDirectory(fs, found.number, found.inode, name));
    if (!place.has_value()) return NotFound();
    found.place = *place;
    found.number = place->entry.inode;
    FLATVM_RETURN_IF_ERROR(ReadInode(fs, found.number, &found.inode));
  }
  return found;
}

absl::Status CheckKind(const ext2_inode& inode) {
  if (LINUX_S_ISLNK(inode.i_mode)) {
    return UnusableImage("is a symbolic link; give the path of what it points to");
  }
  if (!LINUX_S_ISREG(inode.i_mode)) return UnusableImage("must be a regular file");
  if (inode.i_links_count != 1) return UnusableImage("must have one name only (hard link)");
  const uint32_t flags = inode.i_flags;
  if ((flags & EXT4_ENCRYPT_FL) != 0) return UnusableImage("must not be encrypted by ext4");
  if ((flags & EXT4_VERITY_FL) != 0) return UnusableImage("must not have fs-verity");
  if ((flags & (EXT2_IMMUTABLE_FL | EXT2_APPEND_FL)) != 0) {
    return UnusableImage("is immutable or append-only; chattr -ia lifts that");
  }
  if ((flags & EXT4_INLINE_DATA_FL) != 0 || (flags & EXT4_EXTENTS_FL) == 0) {
    return UnusableImage("is not stored in extents; copy it on an ext4 that has them");
  }
  if ((flags & ~kHarmlessFlags) != 0) {
    return UnusableImage("has an attribute (lsattr) that the host does not know");
  }
  return absl::OkStatus();
}

absl::Status CheckFile(const Filesystem& fs, const FoundFile& file, uint64_t max_bytes) {
  ext2_filsys handle = fs.handle();
  if (file.number < handle->super->s_first_ino ||
      ext2fs_test_inode_bitmap2(handle->inode_map, file.number) == 0 || file.inode.i_dtime != 0) {
    return DamagedDisk("a directory names an inode that is reserved or free");
  }
  FLATVM_RETURN_IF_ERROR(CheckKind(file.inode));
  if (ext2fs_file_acl_block(handle, &file.inode) != 0) {
    return UnusableImage("has too many extended attributes; copy it without them");
  }
  const uint64_t bytes = EXT2_I_SIZE(&file.inode);
  if (bytes == 0 || bytes % kSectorBytes != 0) {
    return UnusableImage("must have a length that is a multiple of 512 bytes, and not 0");
  }
  if (bytes > max_bytes) {
    return UnusableImage(base::StrCat("is larger than ", max_bytes, " bytes"));
  }
  return absl::OkStatus();
}

// What of `map` is data before the file's end.
std::vector<storage::Extent> ExtentsOf(const FileMap& map, uint64_t bytes, uint32_t block_bytes) {
  std::vector<storage::Extent> extents;
  const uint64_t end = (bytes + block_bytes - 1) / block_bytes;
  for (const MappedRun& run : map.runs) {
    if (!run.written || run.logical >= end) continue;
    const storage::Extent next = {
        .file_offset = run.logical * block_bytes,
        .disk_offset = run.blocks.first * block_bytes,
        .length = std::min(run.blocks.count, end - run.logical) * block_bytes};
    if (!extents.empty() &&
        extents.back().file_offset + extents.back().length == next.file_offset &&
        extents.back().disk_offset + extents.back().length == next.disk_offset) {
      extents.back().length += next.length;
    } else {
      extents.push_back(next);
    }
  }
  return extents;
}

}  // namespace

absl::StatusOr<Image> FindImage(const Filesystem& fs, std::string_view path, uint64_t max_bytes) {
  FLATVM_ASSIGN_OR_RETURN(const FoundFile file, Find(fs, path));
  FLATVM_RETURN_IF_ERROR(CheckFile(fs, file, max_bytes));
  FLATVM_ASSIGN_OR_RETURN(const FileMap map, ReadFileMap(fs, file.number, file.inode));
  Image image;
  image.bytes = EXT2_I_SIZE(&file.inode);
  image.extents = ExtentsOf(map, image.bytes, fs.handle()->blocksize);
  image.inode = file.number;
  image.place = file.place;
  image.blocks = map.nodes;
  image.blocks.reserve(map.nodes.size() + map.runs.size());
  for (const MappedRun& run : map.runs) image.blocks.push_back(run.blocks);
  return image;
}

absl::StatusOr<std::string> ReadBeginning(int disk, const Image& image, size_t max_bytes) {
  std::string content(std::min<uint64_t>(max_bytes, image.bytes), '\0');
  for (const storage::Extent& extent : image.extents) {
    if (extent.file_offset >= content.size()) break;
    const uint64_t wanted = std::min(extent.length, content.size() - extent.file_offset);
    uint64_t done = 0;
    while (done < wanted) {
      const ssize_t n = ::pread(disk, content.data() + extent.file_offset + done, wanted - done,
                                static_cast<off_t>(extent.disk_offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return base::ErrnoError(errno, "read an image on a quota disk");
      if (n == 0) return base::InternalError("a quota disk became shorter meanwhile");
      done += static_cast<uint64_t>(n);
    }
  }
  return content;
}

absl::Status RemoveImage(Filesystem* fs, const Image& image) {
  ext2_filsys handle = fs->handle();
  if ((handle->flags & EXT2_FLAG_RW) == 0) {
    return base::InternalError("an image is removed from a quota disk that is read only");
  }
  ext2_inode inode{};
  FLATVM_RETURN_IF_ERROR(ReadInode(*fs, image.inode, &inode));
  inode.i_links_count = 0;
  inode.i_dtime = static_cast<uint32_t>(std::time(nullptr));
  if (const errcode_t error = ext2fs_write_inode(handle, image.inode, &inode); error != 0) {
    return LibraryError(error, "writing an inode");
  }
  FLATVM_RETURN_IF_ERROR(RemoveFromDirectory(fs, image.place));
  for (const BlockRun& run : image.blocks) {
    // One extent's: at most 32768.
    ext2fs_block_alloc_stats_range(handle, run.first, static_cast<blk_t>(run.count), -1);
  }
  ext2fs_inode_alloc_stats2(handle, image.inode, -1, 0);
  // Marks groups that have become empty as such, which saves resize2fs a look at each block.
  const errcode_t error = ext2fs_set_gdt_csum(handle);
  return error == 0 ? absl::OkStatus() : LibraryError(error, "marking empty groups");
}

}  // namespace flatvm::extfs
