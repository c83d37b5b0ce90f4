// Reconciler's part for what the host has and no record names.
#include <set>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/broker/reconciler.h"

namespace flatvm::broker {

// It may have been started by a flatvmd that ended before it came to this.
void Reconciler::ExposeToOomKiller(const hypervisor::DomainInfo& domain) {
  if (domain.domain_id == 0) return;
  const absl::Status status = ports_.cgroups.ExposeToOomKiller(domain.tenant, domain.domain_id);
  if (status.code() == absl::StatusCode::kNotFound) return;  // stopped meanwhile
  LogFailure("exposing a secondary to the OOM killer", status, domain.tenant, domain.vm_id);
}

void Reconciler::RemoveOrphanedFiles(const std::string& tenant) {
  // Listed first: what has a file has been in the registry since before.
  const auto files = ports_.storage.ListVmFiles(tenant);
  LogFailure("listing of a tenant's files", files.status(), tenant, "");
  const auto volumes = ports_.volumes.ListVolumes(tenant);
  LogFailure("listing of a tenant's volumes", volumes.status(), tenant, "");
  std::set<std::string> known;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenant(tenant);
    if (entry == nullptr) return;
    for (const auto& [id, vm] : entry->vms) known.insert(id);
    for (const auto& [id, volume] : entry->volumes) known.insert(id);
  }
  for (const std::string& id : files.value_or(std::vector<std::string>{})) {
    if (known.contains(id)) continue;
    LogFailure("removal of orphaned files", ports_.storage.RemoveVmFiles(tenant, id), tenant, id);
  }
  for (const std::string& id : volumes.value_or(std::vector<std::string>{})) {
    if (known.contains(id)) continue;
    LogFailure("removal of an orphaned volume", ports_.volumes.RemoveVolume(tenant, id), tenant,
               "");
  }
}

void Reconciler::RemoveOrphans(const std::vector<hypervisor::DomainInfo>& domains) {
  std::set<std::string> tenants;
  std::set<std::string> vms;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) {
      tenants.insert(name);
      for (const auto& [id, vm] : entry.vms) vms.insert(id);
    }
  }
  for (const hypervisor::DomainInfo& domain : domains) {
    if (vms.contains(domain.vm_id)) {
      ExposeToOomKiller(domain);
      continue;
    }
    ports_.log.Log(base::LogLevel::kWarning, "removing a secondary's domain that has no record",
                   base::LogFields{.tenant = domain.tenant, .vm = domain.vm_id, .op = "reconcile"});
    LogFailure("removal of an orphaned domain", ports_.hypervisor.RemoveDomain(domain.vm_id),
               domain.tenant, domain.vm_id);
  }
  for (const std::string& tenant : tenants) RemoveOrphanedFiles(tenant);
}

void Reconciler::RemoveOrphanedSlices() {
  // Listed first: a tenant is in the registry before it has a slice.
  const auto slices = ports_.cgroups.ListTenants();
  LogFailure("listing of slices", slices.status(), "", "");
  if (!slices.ok()) return;
  for (const std::string& tenant : *slices) {
    if (Registry::Access state = registry_.Acquire(); state->FindTenant(tenant) != nullptr)
      continue;
    const absl::Status status = ports_.cgroups.RemoveSlice(tenant);
    // Occupied: its former primary has not been restarted yet.
    if (status.code() == absl::StatusCode::kFailedPrecondition) continue;
    LogFailure("removal of an orphaned slice", status, tenant, "");
  }
}

}  // namespace flatvm::broker
