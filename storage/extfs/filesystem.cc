#include "storage/extfs/filesystem.h"

#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "daemon/base/error.h"
#include "storage/extfs/disk_channel.h"
#include "storage/extfs/disk_error.h"
#include "storage/extfs/superblock.h"

namespace flatvm::extfs {
namespace {

// Its length in bytes.
absl::StatusOr<uint64_t> CheckDescriptor(int disk, Access access) {
  struct stat info {};
  if (::fstat(disk, &info) != 0) return base::ErrnoError(errno, "stat a quota disk");
  if (!S_ISREG(info.st_mode)) return base::InternalError("a quota disk is no regular file");
  const int flags = ::fcntl(disk, F_GETFL);
  if (flags < 0) return base::ErrnoError(errno, "look at a quota disk's descriptor");
  const int mode = flags & O_ACCMODE;
  if (mode != O_RDWR && (mode != O_RDONLY || access == Access::kReadWrite)) {
    return base::InternalError("a quota disk is not open for what is to be done with it");
  }
  return static_cast<uint64_t>(info.st_size);
}

}  // namespace

void FilesystemFree::operator()(struct_ext2_filsys* fs) const {
  ext2fs_free(fs);  // not ext2fs_close, which would write
}

absl::StatusOr<Filesystem::Handle> Filesystem::OpenHandle(int disk, int flags) {
  ext2_filsys opened = nullptr;
  // 64BITS: bitmaps that can be as large as the filesystem.
  const errcode_t error =
      ext2fs_open2(std::to_string(disk).c_str(), nullptr, flags | EXT2_FLAG_64BITS, 0, 0,
                   DiskChannelManager(), &opened);
  Handle handle(opened);
  if (error == EXT2_ET_BAD_MAGIC || error == EXT2_ET_SHORT_READ) {
    return UnusableDisk(
        "has no ext4 filesystem; make one by mkfs.ext4 on the whole disk, without "
        "partitions");
  }
  if (error != 0) return LibraryError(error, "reading its superblock");
  return handle;
}

absl::StatusOr<Filesystem> Filesystem::Open(int disk, Access access) {
  FLATVM_ASSIGN_OR_RETURN(const uint64_t disk_bytes, CheckDescriptor(disk, access));
  {
    // The superblock alone, for it says how much memory the rest takes. FORCE: features are judged
    // here.
    FLATVM_ASSIGN_OR_RETURN(const Handle first,
                            OpenHandle(disk, EXT2_FLAG_SUPER_ONLY | EXT2_FLAG_FORCE));
    FLATVM_RETURN_IF_ERROR(CheckSuperblock(*first->super, disk_bytes));
  }
  FLATVM_ASSIGN_OR_RETURN(Handle handle,
                          OpenHandle(disk, access == Access::kReadWrite ? EXT2_FLAG_RW : 0));
  FLATVM_ASSIGN_OR_RETURN(MetadataBlocks metadata, MetadataBlocks::Read(handle.get()));
  // One bit a block, whatever the guest wrote; a tree would take 20 bytes for each run of bits.
  handle->default_bitmap_type = EXT2FS_BMAP64_BITARRAY;
  if (const errcode_t error = ext2fs_read_bitmaps(handle.get()); error != 0) {
    return LibraryError(error, "reading its bitmaps");
  }
  Filesystem fs(std::move(handle), std::move(metadata));
  for (const BlockRun& run : fs.metadata_.runs()) {
    if (!fs.AllUsed(run)) return DamagedDisk("its metadata is marked as free");
  }
  return fs;
}

Usage Filesystem::usage() const {
  return {.block_bytes = handle_->blocksize,
          .blocks = ext2fs_blocks_count(handle_->super),
          .free_blocks = ext2fs_free_blocks_count(handle_->super)};
}

void Filesystem::SetChecked() {
  handle_->super->s_lastcheck = std::max(handle_->super->s_lastcheck, handle_->super->s_mtime);
  ext2fs_mark_super_dirty(handle_.get());
}

absl::Status Filesystem::Commit() {
  if ((handle_->flags & EXT2_FLAG_RW) == 0) {
    return base::InternalError("a quota disk that is read only is committed");
  }
  if (const errcode_t error = ext2fs_flush(handle_.get()); error != 0) {
    return LibraryError(error, "writing its metadata");
  }
  return WriteStaged(handle_.get());
}

bool Filesystem::AllUsed(const BlockRun& run) const {
  blk64_t free = 0;
  return ext2fs_find_first_zero_block_bitmap2(handle_->block_map, run.first,
                                              run.first + run.count - 1, &free) == ENOENT;
}

absl::Status Filesystem::CheckData(const BlockRun& run) const {
  const uint64_t blocks = ext2fs_blocks_count(handle_->super);
  if (run.count == 0 || run.first < handle_->super->s_first_data_block || run.first >= blocks ||
      run.count > blocks - run.first) {
    return DamagedDisk("a file has blocks outside the filesystem");
  }
  if (metadata_.Overlap(run)) return DamagedDisk("a file has blocks of the metadata");
  if (!AllUsed(run)) return DamagedDisk("a file has blocks that are marked as free");
  return absl::OkStatus();
}

}  // namespace flatvm::extfs
