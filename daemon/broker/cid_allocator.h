// vsock CIDs for primaries and secondaries: rising, persisted, so that one is not handed out again
// until the whole range has gone by. libvirt's own automatic CIDs hand out the lowest free number
// at once.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/broker/record_store.h"

namespace flatvm::broker {

// Thread-safe.
class CidAllocator {
 public:
  // CIDs first..last, both included. `next` continues an earlier run (0: from the start).
  CidAllocator(uint32_t first, uint32_t last, RecordStore& records)
      : first_(first), last_(last), records_(records), next_(first), written_until_(first) {}

  // Continues from what a store remembered.
  void Resume(uint32_t next);

  // The next CID for which `in_use` is false. Persists ahead in blocks, so most calls do not touch
  // the disk. Errors: RESOURCE_EXHAUSTED / kCidRangeEmpty; INTERNAL from the store.
  absl::StatusOr<base::VsockCid> Allocate(const std::function<bool(base::VsockCid)>& in_use);

 private:
  // A block that a crash may skip: large enough that fsyncs do not show, small against the range.
  static constexpr uint32_t kBlock = 64;

  const uint32_t first_;
  const uint32_t last_;
  RecordStore& records_;
  std::mutex mutex_;  // guards what follows
  uint32_t next_;
  uint32_t written_until_;  // the store says to continue here: every CID below may be in use
};

}  // namespace flatvm::broker
