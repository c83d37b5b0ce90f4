// The reconciler's part for limits: what the kernel enforces is what the records say.
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/reconciler.h"

namespace flatvm::broker {
namespace {

std::string Number(uint64_t value) {
  return value == cgroups::kNoLimit ? "max" : base::StrCat(value);
}

std::string CpuPercent(uint32_t percent) {
  return percent == cgroups::kNoCpuLimit ? "max" : base::StrCat(percent, "%");
}

std::string Cpus(const std::vector<uint32_t>& cpus) {
  return cpus.empty() ? "all" : base::FormatCpuList(cpus);
}

// "memory.max 1048576 instead of 4294967296, …"; empty if they are the same.
std::string DifferenceOf(const cgroups::SliceLimits& found, const cgroups::SliceLimits& wanted) {
  struct Item {
    const char* file;
    std::string found;
    std::string wanted;
  };
  const std::vector<Item> items = {
      {"memory.max", Number(found.memory_max_bytes), Number(wanted.memory_max_bytes)},
      {"memory.high", Number(found.memory_high_bytes), Number(wanted.memory_high_bytes)},
      {"memory.swap.max", Number(found.swap_max_bytes), Number(wanted.swap_max_bytes)},
      {"cpu.max", CpuPercent(found.cpu_percent), CpuPercent(wanted.cpu_percent)},
      {"cpuset.cpus", Cpus(found.cpus), Cpus(wanted.cpus)},
      {"pids.max", Number(found.tasks_max), Number(wanted.tasks_max)},
      {"io.max rbps", Number(found.io.read_bytes), Number(wanted.io.read_bytes)},
      {"io.max wbps", Number(found.io.write_bytes), Number(wanted.io.write_bytes)},
      {"io.max riops", Number(found.io.read_operations), Number(wanted.io.read_operations)},
      {"io.max wiops", Number(found.io.write_operations), Number(wanted.io.write_operations)}};
  std::string difference;
  for (const Item& item : items) {
    if (item.found == item.wanted) continue;
    difference += base::StrCat(difference.empty() ? "" : ", ", item.file, " ", item.found,
                               " instead of ", item.wanted);
  }
  return difference;
}

}  // namespace

void Reconciler::RepairSlice(const std::string& name) {
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenant(name);
    if (entry == nullptr) return;
    locks = entry->locks;
  }
  // From here on no update sets the slice's limits.
  const std::lock_guard lock(locks->slice);
  TenantRecord tenant;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenant(name);
    const bool settled = entry != nullptr && entry->record.state == TenantState::kReady &&
                         !entry->changing && !entry->updating;
    if (!settled) return;
    tenant = entry->record;
  }
  const cgroups::SliceLimits wanted = SliceLimitsOf(tenant);
  const auto found = ports_.cgroups.ReadLimits(tenant.name);
  std::string difference = "its slice is gone";
  if (found.ok()) {
    difference = DifferenceOf(*found, wanted);
  } else if (found.status().code() != absl::StatusCode::kNotFound) {
    LogFailure("reading a tenant's limits", found.status(), tenant.name, "");
    return;
  }
  if (difference.empty()) return;
  ports_.log.Log(
      base::LogLevel::kWarning,
      base::StrCat("somebody changed the tenant's limits, setting them again: ", difference),
      base::LogFields{.tenant = tenant.name, .op = "reconcile"});
  LogFailure("setting a tenant's limits", ports_.cgroups.EnsureSlice(tenant.name, wanted),
             tenant.name, "");
}

void Reconciler::RepairLimits() {
  std::vector<std::string> tenants;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) {
      if (entry.record.state == TenantState::kReady && !entry.changing) tenants.push_back(name);
    }
  }
  for (const std::string& tenant : tenants) {
    RepairSlice(tenant);
    LogFailure("primary's share", carver_.Adjust(tenant), tenant, "");
  }
}

void Reconciler::OnDomainStarted(const std::string& uuid) {
  std::string tenant;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenantByPrimary(uuid);
    if (entry == nullptr || entry->record.state != TenantState::kReady) return;
    tenant = entry->record.name;
  }
  LogFailure("primary's share", carver_.Adjust(tenant), tenant, "");
}

}  // namespace flatvm::broker
