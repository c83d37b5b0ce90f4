// The cgroup that libvirt runs one domain in: a scope that systemd-machined makes within the
// tenant's slice. Knows domains by libvirt's number only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cgroups/cgroup_dir.h"

namespace flatvm::cgroups {

// Whether a cgroup of this name is the scope of the domain: "machine-qemu\x2d7\x2d….scope", where
// "\x2d" is systemd's escape of '-' and what follows the number is libvirt's text, which it cuts.
bool IsScopeOfDomain(std::string_view cgroup_name, uint32_t domain_id);

// Errors: NOT_FOUND / kVmNotFound if the slice has no such scope; INTERNAL.
absl::StatusOr<CgroupDir> OpenVmScope(const CgroupDir& slice, uint32_t domain_id);

// See TenantCgroups::ExposeToOomKiller. `proc_root` is where procfs is mounted. Errors: NOT_FOUND /
// kVmNotFound if the scope is gone; INTERNAL, also if /proc shows none of its processes.
absl::Status ExposeScopeToOomKiller(const CgroupDir& scope, const std::string& proc_root);

// The sum of anonymous and shared memory in the content of memory.stat. INTERNAL if one of them is
// missing.
absl::StatusOr<uint64_t> ParseGuestMemory(std::string_view memory_stat);

// See TenantCgroups::ReadVmMemory. Errors: NOT_FOUND / kVmNotFound if the scope is gone; INTERNAL.
absl::StatusOr<uint64_t> ReadScopeMemory(const CgroupDir& scope);

}  // namespace flatvm::cgroups
