#include "storage/extfs/inode.h"

#include <ext2fs/ext2fs.h>

#include "storage/extfs/disk_error.h"
#include "storage/extfs/filesystem.h"

namespace flatvm::extfs {

absl::Status ReadInode(const Filesystem& fs, uint32_t number, ext2_inode* inode) {
  const errcode_t error = ext2fs_read_inode(fs.handle(), number, inode);
  return error == 0 ? absl::OkStatus() : LibraryError(error, "reading an inode");
}

}  // namespace flatvm::extfs
