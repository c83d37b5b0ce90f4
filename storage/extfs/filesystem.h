// An ext4 filesystem that a guest wrote and nobody trusts, on an open descriptor. libext2fs reads
// it, through a channel of ours; nothing is mounted and nothing opened by name. A damaged one may
// still make libext2fs crash: this is for a sandboxed process. What lies in it: image.h,
// used_blocks.h.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/extfs/block_run.h"
#include "storage/extfs/metadata_blocks.h"

struct struct_ext2_filsys;  // libext2fs's

namespace flatvm::extfs {

enum class Access { kRead, kReadWrite };

struct Usage {
  uint32_t block_bytes = 0;
  uint64_t blocks = 0;       // the filesystem's; the disk may be larger
  uint64_t free_blocks = 0;  // as the superblock counts them: the guest's word, at most `blocks`
};

struct FilesystemFree {
  void operator()(struct_ext2_filsys* fs) const;
};

// Nothing is written to the disk before Commit, and nothing at all without it. Thread-compatible.
class Filesystem {
 public:
  // `disk`, a regular file with an ext4 on all of it, stays the caller's, outlives this, and is
  // changed by nobody meanwhile; kReadWrite needs it open for both. What is accepted: superblock.h;
  // also group descriptors and bitmaps must be sound. Reads both bitmaps into memory. Errors:
  // FAILED_PRECONDITION / kQuotaDiskUnusable; INTERNAL. Blocks on the disk.
  static absl::StatusOr<Filesystem> Open(int disk, Access access);

  Usage usage() const;

  // Writes what was changed (see RemoveImage) and fsyncs. Errors: FAILED_PRECONDITION /
  // kQuotaDiskUnusable, nothing written; INTERNAL, a part written. Blocks on the disk.
  absl::Status Commit();

  // Says in the superblock that it was checked since it was last mounted, which the caller has
  // done: resize2fs insists, and the clock that a guest mounts by may be ahead of the host's.
  void SetChecked();

  // What follows is for this room only.

  struct_ext2_filsys* handle() const { return handle_.get(); }

  // OK if all of `run` lies in the filesystem, is marked used and is none of the metadata. Errors:
  // FAILED_PRECONDITION / kQuotaDiskUnusable.
  absl::Status CheckData(const BlockRun& run) const;

 private:
  using Handle = std::unique_ptr<struct_ext2_filsys, FilesystemFree>;

  Filesystem(Handle handle, MetadataBlocks metadata)
      : handle_(std::move(handle)), metadata_(std::move(metadata)) {}

  static absl::StatusOr<Handle> OpenHandle(int disk, int flags);
  bool AllUsed(const BlockRun& run) const;

  Handle handle_;
  MetadataBlocks metadata_;
};

}  // namespace flatvm::extfs
