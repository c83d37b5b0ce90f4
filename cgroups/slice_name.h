// From a systemd unit's name back to the tenant; tenant_cgroups.h has the way there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flatvm::cgroups {

// Matches the slices of all tenants, and those that lie in them (systemd's ListUnitsByPatterns).
constexpr const char* kSlicePattern = "flatvm-*.slice";

// The tenant whose slice `unit` is; none if it is no tenant's, such as flatvm.slice or a slice
// within a tenant's.
std::optional<std::string> TenantOfSlice(std::string_view unit);

}  // namespace flatvm::cgroups
