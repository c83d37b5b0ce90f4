// Admission: pure arithmetic on declared sizes. A secondary's record in the registry is its
// reservation, from before its first effect until after its last, so there is no second ledger that
// could drift.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "daemon/broker/records.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

// What a secondary of `spec` costs its tenant, the VMM's overhead included.
Resources CostOf(const VmSpec& spec, const Settings& settings);

// What the tenant itself costs: its primary, that VMM's overhead, and its front. Counts no
// secondary.
Resources BaseCost(const TenantRecord& tenant, const Settings& settings);

// BaseCost plus every secondary's cost, whatever its state.
Resources UsedBy(const TenantRecord& tenant, const std::map<std::string, VmRecord>& vms,
                 const Settings& settings);

// limits - used; 0 where used is larger.
Resources LeftOf(const Resources& limits, const Resources& used);

// OK if used + asked stays within limits in every amount.
// Errors: RESOURCE_EXHAUSTED with kTenantMemoryLimit, kTenantVcpuLimit, kTenantVmLimit or
// kTenantDiskLimit and the numbers.
absl::Status Admit(const Resources& limits, const Resources& used, const Resources& asked);

}  // namespace flatvm::broker
