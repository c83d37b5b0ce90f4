// e2fsprogs on an open disk: what its library does not do. The programs read what a guest wrote;
// they run where this runs, in the worker's sandbox.
#pragma once

#include <chrono>
#include <cstdint>

#include "absl/status/status.h"

namespace flatvm::quota_worker {

// `disk` of all is open for reading and writing, and its file is this process's user's: the
// programs open it anew. Errors of all: DEADLINE_EXCEEDED / kStageTimedOut; INTERNAL. All block.
class Ext4Tools {
 public:
  // `timeout` is each program's.
  explicit Ext4Tools(std::chrono::milliseconds timeout) : timeout_(timeout) {}

  // Makes an empty ext4 of the disk's size. Blocks that nobody wrote stay holes.
  absl::Status Format(int disk) const;

  // Checks everything and changes nothing. Errors: INTERNAL if anything is wrong.
  absl::Status Check(int disk) const;

  // Makes the filesystem `size_mib` large, which is less than it is; not the file. It says that it
  // was checked (extfs::Filesystem::SetChecked). Errors: also FAILED_PRECONDITION / kQuotaDiskFull.
  absl::Status Shrink(int disk, uint32_t size_mib) const;

  // Makes the filesystem `size_mib` large, which is no less than it is, and what the file has at
  // least.
  absl::Status Grow(int disk, uint32_t size_mib) const;

 private:
  const std::chrono::milliseconds timeout_;
};

}  // namespace flatvm::quota_worker
