#include "cgroups/slice_name.h"

#include "cgroups/tenant_cgroups.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

constexpr std::string_view kPrefix = "flatvm-";
constexpr std::string_view kSuffix = ".slice";
constexpr std::string_view kEscapedDash = "\\x2d";

}  // namespace

std::string SliceName(const std::string& tenant) {
  return base::StrCat(kPrefix, base::EscapeUnitComponent(tenant), kSuffix);
}

// Not escaped: libvirt does that itself when it makes a slice's name of the path.
std::string PartitionPath(const std::string& tenant) { return base::StrCat("/flatvm/", tenant); }

std::optional<std::string> TenantOfSlice(std::string_view unit) {
  if (unit.size() <= kPrefix.size() + kSuffix.size() || !unit.starts_with(kPrefix) ||
      !unit.ends_with(kSuffix)) {
    return std::nullopt;
  }
  unit.remove_prefix(kPrefix.size());
  unit.remove_suffix(kSuffix.size());
  std::string tenant;
  while (!unit.empty()) {
    const bool escaped_dash = unit.starts_with(kEscapedDash);
    if (unit.front() == '-') return std::nullopt;  // a slice within a tenant's
    tenant.push_back(escaped_dash ? '-' : unit.front());
    unit.remove_prefix(escaped_dash ? kEscapedDash.size() : 1);
  }
  if (!base::IsName(tenant)) return std::nullopt;
  return tenant;
}

}  // namespace flatvm::cgroups
