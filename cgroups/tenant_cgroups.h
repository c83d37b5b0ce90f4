// Port: a tenant's cgroup, which is a systemd slice. The real one speaks to systemd over D-Bus
// (systemd_cgroups.h).
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::cgroups {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
// Of SliceLimits::cpu_percent.
constexpr uint32_t kNoCpuLimit = std::numeric_limits<uint32_t>::max();

// What a slice may read from and write to the disk that holds the tenants' storage, each second
// (io.max). kNoLimit: as much as it gets. Some kernels refuse 1; 2^32 - 1 operations and more
// are no limit.
struct IoLimits {
  uint64_t read_bytes = kNoLimit;
  uint64_t write_bytes = kNoLimit;
  uint64_t read_operations = kNoLimit;
  uint64_t write_operations = kNoLimit;

  bool operator==(const IoLimits&) const = default;
};

// What the kernel enforces on the whole slice: primary, secondaries and front together. kNoLimit
// and kNoCpuLimit: no limit; 0 is none that may be asked for.
struct SliceLimits {
  uint64_t memory_max_bytes = 0;          // memory.max
  uint64_t memory_high_bytes = kNoLimit;  // memory.high: from here on allocations are slowed
  uint64_t swap_max_bytes = 0;            // memory.swap.max: 0 is all that may be asked for
  uint32_t cpu_percent = 0;               // cpu.max: 100 is one CPU
  // cpuset.cpus, rising; empty: all. As read, a list of all that the host could ever have (sysfs,
  // cpu/possible) is empty, too.
  std::vector<uint32_t> cpus;
  uint64_t tasks_max = 0;  // pids.max
  IoLimits io;             // io.max

  bool operator==(const SliceLimits&) const = default;
};

// PSI of one resource: the share of the last ten seconds in which some, or all, of the slice's
// tasks waited for it.
struct Pressure {
  double some_percent = 0;
  double full_percent = 0;

  bool operator==(const Pressure&) const = default;
};

// What the whole slice has used, by the kernel's count. Rising numbers count from the slice's
// start.
struct SliceUsage {
  uint64_t memory_bytes = 0;  // memory.current
  uint64_t oom_kills = 0;     // memory.events, rising
  uint64_t cpu_us = 0;        // cpu.stat, rising
  uint64_t throttled_us = 0;  // cpu.stat, rising: time in which it waited for its own quota
  uint64_t tasks = 0;         // pids.current
  uint64_t read_bytes = 0;    // io.stat of all devices, rising
  uint64_t write_bytes = 0;
  Pressure memory;
  Pressure cpu;
  Pressure io;

  bool operator==(const SliceUsage&) const = default;
};

// "flatvm-acme.slice"; '-' in a tenant's name is escaped, as it would mean a child slice.
std::string SliceName(const std::string& tenant);

// libvirt's <resource><partition>: "/flatvm/acme", which libvirt maps to SliceName(tenant).
std::string PartitionPath(const std::string& tenant);

// Thread-safe; every call blocks on systemd.
// Errors of every call: UNAVAILABLE / kServiceManagerUnavailable; INTERNAL with systemd's text.
class TenantCgroups {
 public:
  virtual ~TenantCgroups() = default;

  // Makes the slice if it is not there, sets the limits, and reads them back from the kernel's
  // files: INTERNAL if they differ.
  virtual absl::Status EnsureSlice(const std::string& tenant, const SliceLimits& limits) = 0;

  // Stops the slice; OK if it is not there. Never kills: FAILED_PRECONDITION if a process still
  // runs in it.
  virtual absl::Status RemoveSlice(const std::string& tenant) = 0;

  // What the kernel enforces now. Errors: NOT_FOUND / kTenantNotFound if the slice is not there.
  virtual absl::StatusOr<SliceLimits> ReadLimits(const std::string& tenant) = 0;

  // What the slice uses now. Errors: NOT_FOUND / kTenantNotFound if it is not there.
  virtual absl::StatusOr<SliceUsage> ReadUsage(const std::string& tenant) = 0;

  // Makes a running secondary the first to go when the tenant's memory is used up, whole and before
  // its siblings' and the primary's processes: memory.oom.group of its scope, oom_score_adj of its
  // processes. `domain_id` is libvirt's number of its run. Idempotent. Errors: NOT_FOUND /
  // kVmNotFound if it has no scope in the tenant's slice.
  virtual absl::Status ExposeToOomKiller(const std::string& tenant, uint32_t domain_id) = 0;

  // Bytes of guest memory that the scope of a domain in the tenant's slice really holds: anonymous
  // and shared memory, without page cache (memory.stat). Errors: NOT_FOUND / kVmNotFound.
  virtual absl::StatusOr<uint64_t> ReadVmMemory(const std::string& tenant, uint32_t domain_id) = 0;

  // Tenants whose slice is there, sorted.
  virtual absl::StatusOr<std::vector<std::string>> ListTenants() = 0;
};

}  // namespace flatvm::cgroups
