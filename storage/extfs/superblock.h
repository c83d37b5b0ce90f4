// What a superblock must say before anything else is read: kinds of ext4 that this room knows, in
// the proportions that mke2fs gives them.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

struct ext2_super_block;  // libext2fs's

namespace flatvm::extfs {

// 8 TiB in blocks of 4 KiB. A filesystem's two bitmaps are held in memory: a quarter of a GiB each
// here.
constexpr uint64_t kMaxBlocks = uint64_t{1} << 31U;

// OK for what mke2fs -t ext4 makes by its defaults, today's and Debian 12's, with blocks of 1, 2 or
// 4 KiB, cleanly unmounted, on a disk of `disk_bytes`. `super` is as libext2fs read it. Pure.
// Errors: FAILED_PRECONDITION / kQuotaDiskUnusable.
absl::Status CheckSuperblock(const ext2_super_block& super, uint64_t disk_bytes);

}  // namespace flatvm::extfs
