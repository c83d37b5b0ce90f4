// One inode, read.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

struct ext2_inode;  // libext2fs's

namespace flatvm::extfs {

class Filesystem;

// Errors: FAILED_PRECONDITION / kQuotaDiskUnusable; INTERNAL. Blocks on the disk.
absl::Status ReadInode(const Filesystem& fs, uint32_t number, ext2_inode* inode);

}  // namespace flatvm::extfs
