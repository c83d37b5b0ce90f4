// libext2fs's way to the disk: an io_manager of ours on an open descriptor. libext2fs has one,
// unixfd, but up to 1.47.3 it closes the descriptor and from 1.47.4 on it does not; it also writes
// past the file's end, and reads for as long as it is told to.
#pragma once

#include "absl/status/status.h"

struct struct_ext2_filsys;  // libext2fs's
struct struct_io_manager;

namespace flatvm::extfs {

// For ext2fs_open2, the name being the number of a descriptor, which stays the caller's and
// outlives the filesystem. Reads and writes lie within the file's length at the time of the open,
// or fail. All reads together are bounded, so that every walk through a hostile filesystem ends.
// What is written stays in memory, where reads find it, until WriteStaged; what is written as it
// was is dropped, so that the file's holes and shared blocks stay. Not thread-safe for one
// filesystem.
struct_io_manager* DiskChannelManager();

// Writes all that libext2fs wrote through the channel of `fs` to the disk, and fsyncs it. Errors:
// INTERNAL; a part may then be written. Blocks on the disk.
absl::Status WriteStaged(struct_ext2_filsys* fs);

}  // namespace flatvm::extfs
