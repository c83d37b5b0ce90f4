// Admission: pure arithmetic on declared sizes. A secondary's record in the registry is its
// reservation, from before its first effect until after its last, so there is no second ledger that
// could drift.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/broker/records.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

// What a secondary of `spec` costs its tenant, the VMM's overhead included.
Resources CostOf(const VmSpec& spec, const Settings& settings);

// What a volume of this size costs: its whole size, whatever of it is written.
Resources CostOfVolume(uint32_t size_mib);

// What an image of its own costs a tenant: its file's size in whole MiB, whatever of it is there.
Resources CostOfImage(const ImageRecord& image);

// What a tenant's quota disk has: what it has without, less the images that became volumes.
uint32_t QuotaDiskMib(const TenantRecord& tenant,
                      const std::map<std::string, VolumeRecord>& volumes);

// What the tenant itself costs: its primary, that VMM's overhead, and its front. Counts no
// secondary. In CarveMode::kBalloon the primary costs what it keeps at least: its minimum of memory
// and one vCPU.
Resources BaseCost(const TenantRecord& tenant, const Settings& settings);

// BaseCost plus the cost of the quota disk and of every secondary, volume and image, whatever its
// state.
Resources UsedBy(const TenantRecord& tenant, const std::map<std::string, VmRecord>& vms,
                 const std::map<std::string, VolumeRecord>& volumes,
                 const std::map<std::string, ImageRecord>& images, const Settings& settings);

// What a primary may have while its tenant's secondaries have theirs.
struct PrimaryGrant {
  uint32_t memory_mib = 0;
  uint32_t cpu_percent = 0;  // of one CPU

  bool operator==(const PrimaryGrant&) const = default;
};

// In kReserved all that the primary is defined with; in kBalloon no more than `limits` leave beside
// the overheads and `vms`, and no less than BaseCost counts for it. A function of records: nothing
// remembers what was taken, so that nothing can drift.
PrimaryGrant GrantOf(const TenantRecord& tenant, const Resources& limits,
                     const std::map<std::string, VmRecord>& vms, const Settings& settings);

// One amount of which more is used than the limit allows.
struct Excess {
  std::string limit;  // "memory_mib" and its like
  uint32_t limit_value = 0;
  uint32_t used = 0;

  bool operator==(const Excess&) const = default;
};
std::vector<Excess> ExcessOf(const Resources& limits, const Resources& used);

// The lesser of both, for each amount.
Resources LesserOf(const Resources& a, const Resources& b);

// limits - used; 0 where used is larger.
Resources LeftOf(const Resources& limits, const Resources& used);

// OK if used + asked stays within limits in every amount.
// Errors: RESOURCE_EXHAUSTED with kTenantMemoryLimit, kTenantVcpuLimit, kTenantVmLimit or
// kTenantDiskLimit and the numbers.
absl::Status Admit(const Resources& limits, const Resources& used, const Resources& asked);

}  // namespace flatvm::broker
