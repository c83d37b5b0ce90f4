#include "cgroups/systemd_cgroups.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "cgroups/cgroup_dir.h"
#include "cgroups/cgroup_limits.h"
#include "cgroups/cgroup_usage.h"
#include "cgroups/host_facts.h"
#include "cgroups/slice_name.h"
#include "cgroups/slice_properties.h"
#include "cgroups/storage_device.h"
#include "cgroups/vm_scope.h"
#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

constexpr char kParentSlice[] = "/flatvm.slice/";

absl::Status CheckTenant(const std::string& tenant) {
  if (base::IsName(tenant)) return absl::OkStatus();
  return base::InternalError(
      base::StrCat("a slice was asked for tenant \"", base::EscapeForLog(tenant), "\""));
}

bool IsRising(const std::vector<uint32_t>& cpus) {
  return std::adjacent_find(cpus.begin(), cpus.end(), std::greater_equal<>()) == cpus.end() &&
         (cpus.empty() || cpus.back() <= base::kMaxCpuNumber);
}

absl::Status CheckArguments(const std::string& tenant, const SliceLimits& limits) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const uint64_t least =
      std::min({limits.memory_max_bytes, limits.memory_high_bytes, uint64_t{limits.cpu_percent},
                limits.tasks_max, limits.io.read_bytes, limits.io.write_bytes,
                limits.io.read_operations, limits.io.write_operations});
  if (least == 0) {
    return base::InternalError(base::StrCat("a limit of 0 was asked for tenant ", tenant));
  }
  if (limits.swap_max_bytes != 0) {
    return base::InternalError(base::StrCat("swap was asked for tenant ", tenant));
  }
  if (!IsRising(limits.cpus)) {
    return base::InternalError(
        base::StrCat("CPUs that do not rise were asked for tenant ", tenant));
  }
  return absl::OkStatus();
}

HostRoots RootsOf(const SystemdCgroupsSettings& settings) {
  return HostRoots{.proc = settings.proc_root, .sys = settings.sys_root};
}

// `io`: what the slice is to have; without any limit, no device is needed either.
absl::StatusOr<HostFacts> ReadHostFacts(const SystemdCgroupsSettings& settings,
                                        const IoLimits& io) {
  HostFacts facts;
  FLATVM_ASSIGN_OR_RETURN(facts.possible_cpus, ReadPossibleCpus(RootsOf(settings)));
  absl::StatusOr<std::string> device = FindStorageDevice(settings.storage_dir, RootsOf(settings));
  if (!device.ok() && io != IoLimits{}) return device.status();
  if (device.ok()) facts.storage_device = *std::move(device);
  return facts;
}

// NOT_FOUND if the unit has none.
absl::StatusOr<CgroupDir> OpenCgroupOf(systemd::Bus& bus, const std::string& root,
                                       const systemd::UnitInfo& unit) {
  FLATVM_ASSIGN_OR_RETURN(const std::string path, bus.GetControlGroup(unit));
  if (!path.empty()) return CgroupDir::Open(root, path);
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound,
                         "the slice has no cgroup");
}

// Whether the unit's cgroup is bound to some CPUs, be it all of them.
absl::StatusOr<bool> HasCpus(systemd::Bus& bus, const std::string& root,
                             const std::optional<systemd::UnitInfo>& unit) {
  if (!unit.has_value() || !unit->active()) return false;
  const absl::StatusOr<CgroupDir> cgroup = OpenCgroupOf(bus, root, *unit);
  if (absl::IsNotFound(cgroup.status())) return false;
  if (!cgroup.ok()) return cgroup.status();
  FLATVM_ASSIGN_OR_RETURN(const std::optional<std::string> content, cgroup->FindFile(kCpusetCpus));
  return content.value_or("\n") != "\n";
}

absl::Status StartOrAdjust(systemd::Bus& bus, const std::string& root, const std::string& tenant,
                           const SliceLimits& limits, const HostFacts& host) {
  const std::string slice = SliceName(tenant);
  FLATVM_ASSIGN_OR_RETURN(const std::optional<systemd::UnitInfo> unit, bus.FindUnit(slice));
  SliceLimits wanted = limits;
  if (limits.cpus.empty()) {
    // Linux 6.1 does not let go of the last CPU while a process runs in the cgroup (ENOSPC;
    // kernel/cgroup/cpuset.c, validate_change), and systemd ignores that. All of them is the same.
    FLATVM_ASSIGN_OR_RETURN(const bool has_cpus, HasCpus(bus, root, unit));
    if (has_cpus) wanted.cpus = host.possible_cpus;
  }
  const std::vector<systemd::UnitProperty> properties = SliceProperties(
      wanted, host.storage_device.empty() ? "" : "/dev/block/" + host.storage_device);
  // No file: the slice is not there, or systemd made it up for a primary that was started before
  // us. Either way it becomes a transient one, whose settings go when it stops; SetUnitProperties
  // would leave them behind in a drop-in.
  if (!unit.has_value() || unit->fragment_path.empty()) {
    std::vector<systemd::UnitProperty> described = properties;
    described.push_back({"Description", base::StrCat("flatvm tenant ", tenant)});
    absl::Status status = bus.StartTransientUnit(slice, described);
    if (!absl::IsAlreadyExists(status)) return status;
  }
  FLATVM_RETURN_IF_ERROR(bus.SetUnitProperties(slice, properties));
  // An operator's own unit file may describe a slice that is not running yet.
  if (!unit.has_value() || !unit->active()) return bus.StartUnit(slice);
  return absl::OkStatus();
}

// The running slice's cgroup. Errors: NOT_FOUND.
absl::StatusOr<CgroupDir> OpenCgroup(systemd::Bus& bus, const std::string& root,
                                     const std::string& tenant) {
  const std::string slice = SliceName(tenant);
  FLATVM_ASSIGN_OR_RETURN(const std::optional<systemd::UnitInfo> unit, bus.FindUnit(slice));
  if (unit.has_value() && unit->active()) {
    return OpenCgroupOf(bus, root, *unit);
  }
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound,
                         base::StrCat(slice, " is not there"));
}

// The same without systemd, which has a lot to do where there are many tenants: where the slice's
// cgroup is follows from its name (systemd.slice(5)).
absl::StatusOr<CgroupDir> OpenCgroup(const SystemdCgroupsSettings& settings,
                                     const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return CgroupDir::Open(settings.cgroup_root, base::StrCat(kParentSlice, SliceName(tenant)));
}

// Errors: NOT_FOUND / kVmNotFound, also if the slice is not there.
absl::StatusOr<CgroupDir> OpenScope(const SystemdCgroupsSettings& settings,
                                    const std::string& tenant, uint32_t domain_id) {
  const absl::StatusOr<CgroupDir> slice = OpenCgroup(settings, tenant);
  if (slice.ok()) return OpenVmScope(*slice, domain_id);
  if (!absl::IsNotFound(slice.status())) return slice.status();
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kVmNotFound,
                         base::Message(slice.status()));
}

}  // namespace

SystemdCgroups::SystemdCgroups(SystemdCgroupsSettings settings) : settings_(std::move(settings)) {}

absl::Status SystemdCgroups::EnsureSlice(const std::string& tenant, const SliceLimits& limits) {
  FLATVM_RETURN_IF_ERROR(CheckArguments(tenant, limits));
  FLATVM_ASSIGN_OR_RETURN(const HostFacts host, ReadHostFacts(settings_, limits.io));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(settings_.open_bus));
  absl::Status status = StartOrAdjust(*bus, settings_.cgroup_root, tenant, limits, host);
  if (status.ok()) {
    // systemd writes the files before it takes the next call, and this asks it for the unit first.
    const absl::StatusOr<CgroupDir> cgroup = OpenCgroup(*bus, settings_.cgroup_root, tenant);
    status = cgroup.ok() ? CheckSliceLimits(*cgroup, limits, host) : cgroup.status();
  }
  // Neither a unit nor a cgroup that is gone right after it was made is the caller's mistake.
  if (absl::IsNotFound(status) || absl::IsAlreadyExists(status)) {
    status = base::InternalError(base::Message(status));
  }
  return base::WithContext(status, SliceName(tenant));
}

absl::Status SystemdCgroups::RemoveSlice(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(settings_.open_bus));
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
  FLATVM_ASSIGN_OR_RETURN(const CgroupDir cgroup, OpenCgroup(settings_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const HostFacts host, ReadHostFacts(settings_, IoLimits{}));
  return ReadSliceLimits(cgroup, host);
}

absl::StatusOr<SliceUsage> SystemdCgroups::ReadUsage(const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(const CgroupDir cgroup, OpenCgroup(settings_, tenant));
  return ReadSliceUsage(cgroup);
}

absl::Status SystemdCgroups::ExposeToOomKiller(const std::string& tenant, uint32_t domain_id) {
  FLATVM_ASSIGN_OR_RETURN(const CgroupDir scope, OpenScope(settings_, tenant, domain_id));
  return ExposeScopeToOomKiller(scope, settings_.proc_root);
}

absl::StatusOr<uint64_t> SystemdCgroups::ReadVmMemory(const std::string& tenant,
                                                      uint32_t domain_id) {
  FLATVM_ASSIGN_OR_RETURN(const CgroupDir scope, OpenScope(settings_, tenant, domain_id));
  return ReadScopeMemory(scope);
}

absl::StatusOr<std::vector<std::string>> SystemdCgroups::ListTenants() {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(settings_.open_bus));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> units,
                          bus->ListUnits(kSlicePattern, {"active"}));
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
