// Port: a tenant's cgroup, which is a systemd slice. The real one speaks to systemd over D-Bus
// (systemd_cgroups.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::cgroups {

// What the kernel enforces on the whole slice: primary, secondaries and front together. As read,
// the greatest number of the type means that there is no limit.
struct SliceLimits {
  uint64_t memory_max_bytes = 0;  // memory.max; swap is 0 always
  uint32_t cpu_percent = 0;       // cpu.max: 100 is one CPU
  uint64_t tasks_max = 0;         // pids.max

  bool operator==(const SliceLimits&) const = default;
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

  // Tenants whose slice is there, sorted.
  virtual absl::StatusOr<std::vector<std::string>> ListTenants() = 0;
};

}  // namespace flatvm::cgroups
