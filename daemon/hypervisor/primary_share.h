// Port: how much of its tenant's allotment a running primary has: memory, by its balloon, and CPU
// time, by a quota. The real one is libvirt (libvirt_primary_share.h), tests have a fake.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::hypervisor {

// The memory of a primary's running instance. What the balloon says is the guest's word, and it is
// stale from a reset of the guest, which has all of its memory then, until its driver starts again.
struct PrimaryMemory {
  uint32_t maximum_mib = 0;  // what it was started with
  uint32_t actual_mib = 0;   // what its guest has not given back, as its balloon says; rounded up
  bool has_driver = false;   // its balloon driver has reported in this run

  bool operator==(const PrimaryMemory&) const = default;
};

// Thread-safe. Every call blocks on libvirtd. Errors of every call: UNAVAILABLE /
// kHypervisorUnavailable; NOT_FOUND / kPrimaryNotDefined; FAILED_PRECONDITION /
// kPrimaryNotRunning; INTERNAL with libvirt's text (for the journal only). Changes hold for this
// run of the primary only: its definition is left alone.
class PrimaryShare {
 public:
  virtual ~PrimaryShare() = default;

  // Also makes the balloon driver report from now on, so that `has_driver` of a later call tells.
  virtual absl::StatusOr<PrimaryMemory> ReadMemory(const std::string& uuid) = 0;

  // Asks the guest to keep `memory_mib`, 1..maximum, and give back or take the rest. Does not wait:
  // the guest may take its time, or never do it. Errors: also FAILED_PRECONDITION /
  // kPrimaryKeepsMemory if there is no balloon device.
  virtual absl::Status SetMemory(const std::string& uuid, uint32_t memory_mib) = 0;

  // The CPU time that all of its threads together may have, in percent of one CPU; 0: no quota.
  virtual absl::Status SetCpuQuota(const std::string& uuid, uint32_t cpu_percent) = 0;
  virtual absl::StatusOr<uint32_t> ReadCpuQuota(const std::string& uuid) = 0;
};

}  // namespace flatvm::hypervisor
