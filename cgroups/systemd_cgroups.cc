#include "cgroups/systemd_cgroups.h"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "cgroups/cgroup_dir.h"
#include "cgroups/slice_name.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

absl::Status CheckTenant(const std::string& tenant) {
  if (base::IsName(tenant)) return absl::OkStatus();
  return base::InternalError(
      base::StrCat("a slice was asked for tenant \"", base::EscapeForLog(tenant), "\""));
}

absl::Status CheckArguments(const std::string& tenant, const SliceLimits& limits) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  if (limits.memory_max_bytes > 0 && limits.cpu_percent > 0 && limits.tasks_max > 0) {
    return absl::OkStatus();
  }
  return base::InternalError(base::StrCat("a limit of 0 was asked for tenant ", tenant));
}

absl::Status StartOrAdjust(SystemdBus& bus, const std::string& tenant, const SliceLimits& limits) {
  const std::string slice = SliceName(tenant);
  FLATVM_ASSIGN_OR_RETURN(const std::optional<UnitInfo> unit, bus.FindUnit(slice));
  // No file: the slice is not there, or systemd made it up for a primary that was started before
  // us. Either way it becomes a transient one, whose settings go when it stops; SetUnitProperties
  // would leave them behind in a drop-in.
  if (!unit.has_value() || unit->fragment_path.empty()) {
    absl::Status status =
        bus.StartTransientSlice(slice, base::StrCat("flatvm tenant ", tenant), limits);
    if (!absl::IsAlreadyExists(status)) return status;
  }
  FLATVM_RETURN_IF_ERROR(bus.SetSliceLimits(slice, limits));
  // An operator's own unit file may describe a slice that is not running yet.
  if (!unit.has_value() || !unit->active()) return bus.StartUnit(slice);
  return absl::OkStatus();
}

// The running slice's cgroup. Errors: NOT_FOUND.
absl::StatusOr<CgroupDir> OpenCgroup(SystemdBus& bus, const std::string& root,
                                     const std::string& tenant) {
  const std::string slice = SliceName(tenant);
  FLATVM_ASSIGN_OR_RETURN(const std::optional<UnitInfo> unit, bus.FindUnit(slice));
  if (unit.has_value() && unit->active()) {
    FLATVM_ASSIGN_OR_RETURN(const std::string path, bus.GetControlGroup(*unit));
    if (!path.empty()) return CgroupDir::Open(root, path);
  }
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound,
                         base::StrCat(slice, " is not there"));
}

}  // namespace

SystemdCgroups::SystemdCgroups(SystemdCgroupsSettings settings)
    : settings_([&settings] {
        if (!settings.open_bus) settings.open_bus = &sd_bus_open_system;
        return std::move(settings);
      }()) {}

absl::Status SystemdCgroups::EnsureSlice(const std::string& tenant, const SliceLimits& limits) {
  FLATVM_RETURN_IF_ERROR(CheckArguments(tenant, limits));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<SystemdBus> bus,
                          SystemdBus::Open(settings_.open_bus));
  absl::Status status = StartOrAdjust(*bus, tenant, limits);
  if (status.ok()) {
    // systemd writes the files before it takes the next call, and this asks it for the unit first.
    const absl::StatusOr<CgroupDir> cgroup = OpenCgroup(*bus, settings_.cgroup_root, tenant);
    status = cgroup.ok() ? cgroup->CheckLimits(limits) : cgroup.status();
  }
  // Neither a unit nor a cgroup that is gone right after it was made is the caller's mistake.
  if (absl::IsNotFound(status) || absl::IsAlreadyExists(status)) {
    status = base::InternalError(base::Message(status));
  }
  return base::WithContext(status, SliceName(tenant));
}

absl::Status SystemdCgroups::RemoveSlice(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<SystemdBus> bus,
                          SystemdBus::Open(settings_.open_bus));
  const absl::StatusOr<CgroupDir> cgroup = OpenCgroup(*bus, settings_.cgroup_root, tenant);
  if (!cgroup.ok() && !absl::IsNotFound(cgroup.status())) return cgroup.status();
  if (cgroup.ok()) {
    // Stopping a slice kills what runs in it, and that may be the tenant's own primary.
    FLATVM_ASSIGN_OR_RETURN(const bool populated, cgroup->IsPopulated());
    if (populated) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition,
                             base::Reason::kPrimaryNeedsRestart,
                             base::StrCat("a process still runs in ", SliceName(tenant)));
    }
  }
  return bus->StopUnit(SliceName(tenant));
}

absl::StatusOr<SliceLimits> SystemdCgroups::ReadLimits(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<SystemdBus> bus,
                          SystemdBus::Open(settings_.open_bus));
  FLATVM_ASSIGN_OR_RETURN(const CgroupDir cgroup, OpenCgroup(*bus, settings_.cgroup_root, tenant));
  return cgroup.ReadLimits();
}

absl::StatusOr<std::vector<std::string>> SystemdCgroups::ListTenants() {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<SystemdBus> bus,
                          SystemdBus::Open(settings_.open_bus));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> units,
                          bus->ListActiveUnits(kSlicePattern));
  std::vector<std::string> tenants;
  for (const std::string& unit : units) {
    if (std::optional<std::string> tenant = TenantOfSlice(unit)) {
      tenants.push_back(*std::move(tenant));
    }
  }
  std::sort(tenants.begin(), tenants.end());
  return tenants;
}

}  // namespace flatvm::cgroups
