#include "storage/extfs/new_file.h"

#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "daemon/base/error.h"
#include "storage/extfs/directory.h"
#include "storage/extfs/disk_error.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/free_blocks.h"
#include "storage/extfs/image_path.h"
#include "storage/extfs/inode.h"

namespace flatvm::extfs {
namespace {

constexpr uint64_t kMaxExtentBlocks = 32768;  // EXT_INIT_MAX_LEN of ext3_extents.h

constexpr const char* kMaking = "making a file";

struct ExtentFree {
  void operator()(struct ext2_extent_handle* handle) const { ext2fs_extent_free(handle); }
};
using ExtentHandle = std::unique_ptr<struct ext2_extent_handle, ExtentFree>;

// Where a file is to be: its directory's inode, and its name there.
struct Place {
  uint32_t directory = EXT2_ROOT_INO;
  std::string name;
};

absl::Status UnusablePlace(std::string_view message) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaPathUnusable,
                         message);
}

absl::Status NewFileError(errcode_t code) {
  const bool full = code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL ||
                    code == EXT2_ET_DIR_NO_SPACE;
  return full ? FullDisk() : LibraryError(code, kMaking);
}

absl::StatusOr<Place> FindPlace(const Filesystem& fs, std::string_view path) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string_view> names, ParseImagePath(path));
  Place place = {.name = std::string(names.back())};
  for (size_t i = 0;; ++i) {
    ext2_inode inode{};
    FLATVM_RETURN_IF_ERROR(ReadInode(fs, place.directory, &inode));
    if (!LINUX_S_ISDIR(inode.i_mode)) {
      return UnusablePlace(
          "the directory that the image came from is none any more on the quota disk; make it");
    }
    FLATVM_ASSIGN_OR_RETURN(const std::optional<DirectoryPlace> found,
                            FindInDirectory(fs, place.directory, inode, names[i]));
    if (i + 1 == names.size()) {
      if (!found.has_value()) return place;
      return UnusablePlace(
          "on the quota disk there is another file where the image came from; move it away");
    }
    if (!found.has_value()) {
      return UnusablePlace(
          "the directory that the image came from is not on the quota disk any more; make it");
    }
    place.directory = found->entry.inode;
  }
}

// The blocks that hold `file`'s data, in whole units but at its end.
std::vector<BlockRun> WantedBlocks(const NewFile& file, uint64_t block_bytes, uint64_t unit) {
  const uint64_t unit_bytes = unit * block_bytes;
  const uint64_t last = (file.bytes + block_bytes - 1) / block_bytes;
  std::vector<BlockRun> wanted;
  for (const storage::DiskRun& run : file.data) {
    const uint64_t begin = run.offset / unit_bytes * unit;
    const uint64_t end =
        std::min((run.offset + run.length + unit_bytes - 1) / unit_bytes * unit, last);
    if (!wanted.empty() && wanted.back().first + wanted.back().count >= begin) {
      wanted.back().count = end - wanted.back().first;
    } else if (begin < end) {
      wanted.push_back({.first = begin, .count = end - begin});
    }
  }
  return wanted;
}

absl::Status InsertExtents(ext2_filsys fs, uint32_t number, ext2_inode* inode,
                           const std::vector<PlacedRun>& places) {
  ext2_extent_handle_t opened = nullptr;
  // Writes the header of an empty tree into the inode, too.
  if (const errcode_t error = ext2fs_extent_open2(fs, number, inode, &opened); error != 0) {
    return NewFileError(error);
  }
  const ExtentHandle handle(opened);
  if (const errcode_t error = ext2fs_write_new_inode(fs, number, inode); error != 0) {
    return NewFileError(error);
  }
  for (PlacedRun place : places) {
    while (place.count > 0) {
      const uint64_t count = std::min(place.count, kMaxExtentBlocks);
      ext2fs_extent extent{};
      extent.e_pblk = place.first;
      extent.e_lblk = place.logical;
      extent.e_len = static_cast<uint32_t>(count);
      const errcode_t error = ext2fs_extent_insert(handle.get(), EXT2_EXTENT_INSERT_AFTER, &extent);
      if (error != 0) return NewFileError(error);
      place = {.logical = place.logical + count,
               .first = place.first + count,
               .count = place.count - count};
    }
  }
  return absl::OkStatus();
}

// An inode with `places` for its data, and no name yet.
absl::Status MakeInode(Filesystem* fs, uint32_t number, uint64_t bytes,
                       const std::vector<PlacedRun>& places) {
  ext2_filsys handle = fs->handle();
  ext2_inode inode{};
  inode.i_mode = LINUX_S_IFREG | 0600;
  inode.i_links_count = 1;
  if (const errcode_t error =
          ext2fs_inode_size_set(handle, &inode, static_cast<ext2_off64_t>(bytes));
      error != 0) {
    return NewFileError(error);
  }
  ext2fs_inode_alloc_stats2(handle, number, +1, 0);
  uint64_t blocks = 0;
  // Before the tree takes blocks for itself.
  for (const PlacedRun& place : places) {
    for (uint64_t done = 0; done < place.count;) {
      const uint64_t count = std::min(place.count - done, kMaxExtentBlocks);
      ext2fs_block_alloc_stats_range(handle, place.first + done, static_cast<blk_t>(count), +1);
      done += count;
    }
    blocks += place.count;
  }
  FLATVM_RETURN_IF_ERROR(InsertExtents(handle, number, &inode, places));
  FLATVM_RETURN_IF_ERROR(ReadInode(*fs, number, &inode));  // with the tree's own blocks counted
  errcode_t error = ext2fs_iblk_add_blocks(handle, &inode, blocks);
  if (error == 0) error = ext2fs_write_inode(handle, number, &inode);
  return error == 0 ? absl::OkStatus() : NewFileError(error);
}

absl::Status Link(ext2_filsys fs, const Place& place, uint32_t number) {
  const auto link = [&] {
    return ext2fs_link(fs, place.directory, place.name.c_str(), number, EXT2_FT_REG_FILE);
  };
  errcode_t error = link();
  if (error == EXT2_ET_DIR_NO_SPACE) {
    error = ext2fs_expand_dir(fs, place.directory);
    if (error == 0) error = link();
  }
  return error == 0 ? absl::OkStatus() : NewFileError(error);
}

}  // namespace

absl::Status CheckPlace(const Filesystem& fs, std::string_view path) {
  return FindPlace(fs, path).status();
}

absl::Status CheckRoom(const Filesystem& fs, uint64_t data_bytes, uint64_t disk_bytes) {
  ext2_filsys handle = fs.handle();
  const Usage usage = fs.usage();
  const uint64_t blocks = disk_bytes / usage.block_bytes;
  uint64_t room = usage.free_blocks;
  if (blocks > usage.blocks) {
    const uint64_t in_group = handle->super->s_blocks_per_group;
    const uint64_t groups = (blocks - handle->super->s_first_data_block + in_group - 1) / in_group;
    uint64_t own = 0;
    for (uint64_t group = handle->group_desc_count; group < groups; ++group) {
      own += uint64_t{2} + handle->inode_blocks_per_group;  // and its two bitmaps
      if (ext2fs_bg_has_super(handle, static_cast<dgrp_t>(group)) != 0) {
        own += uint64_t{1} + handle->desc_blocks + handle->super->s_reserved_gdt_blocks;
      }
    }
    room += blocks - usage.blocks;
    room -= std::min(room, own);
  }
  const uint64_t needed = (data_bytes + usage.block_bytes - 1) / usage.block_bytes;
  return needed <= room ? absl::OkStatus() : FullDisk();
}

absl::StatusOr<std::vector<storage::Extent>> AddFile(Filesystem* fs, std::string_view path,
                                                     const NewFile& file) {
  ext2_filsys handle = fs->handle();
  if ((handle->flags & EXT2_FLAG_RW) == 0 || file.bytes == 0) {
    return base::InternalError("a file is made on a quota disk that is read only, or is empty");
  }
  FLATVM_ASSIGN_OR_RETURN(const Place place, FindPlace(*fs, path));
  const uint64_t block_bytes = handle->blocksize;
  const uint64_t unit = std::max<uint64_t>(file.alignment / block_bytes, 1);
  FLATVM_ASSIGN_OR_RETURN(const std::vector<PlacedRun> places,
                          FindPlaces(*fs, WantedBlocks(file, block_bytes, unit), unit));
  ext2_ino_t number = 0;
  if (const errcode_t error =
          ext2fs_new_inode(handle, place.directory, LINUX_S_IFREG, nullptr, &number);
      error != 0) {
    return NewFileError(error);
  }
  FLATVM_RETURN_IF_ERROR(MakeInode(fs, number, file.bytes, places));
  FLATVM_RETURN_IF_ERROR(Link(handle, place, number));
  std::vector<storage::Extent> extents;
  extents.reserve(places.size());
  for (const PlacedRun& run : places) {
    extents.push_back({.file_offset = run.logical * block_bytes,
                       .disk_offset = run.first * block_bytes,
                       .length = run.count * block_bytes});
  }
  return extents;
}

}  // namespace flatvm::extfs
