#include "daemon/broker/reconciler.h"

#include <algorithm>
#include <set>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {
namespace {

std::vector<network::Lease> LeasesOf(const TenantEntry& entry) {
  std::vector<network::Lease> leases = {network::Lease{
      .hostname = kPrimaryHostname, .mac = entry.record.mac, .address = entry.record.address}};
  for (const auto& [id, vm] : entry.vms) {
    leases.push_back(
        network::Lease{.hostname = vm.spec.name, .mac = vm.mac, .address = vm.address});
  }
  return leases;
}

}  // namespace

void Reconciler::LogFailure(const std::string& what, const absl::Status& status,
                            const std::string& tenant, const std::string& vm) {
  if (status.ok()) return;
  ports_.log.Log(base::LogLevel::kWarning,
                 base::StrCat(what, " failed, to be tried again: ", base::Message(status)),
                 base::LogFields{.tenant = tenant, .vm = vm, .op = "reconcile"});
}

absl::Status Reconciler::FillRegistry(const StoredState& stored) {
  Registry::Access state = registry_.Acquire();
  for (const TenantRecord& record : stored.tenants) {
    FLATVM_RETURN_IF_ERROR(base::WithContext(tenants_.TakeSubnet(record.subnet),
                                             base::StrCat("record of tenant ", record.name)));
    const auto [it, inserted] = state->tenants.emplace(record.name, TenantEntry(record));
    if (record.state == TenantState::kCreating) it->second.record.state = TenantState::kRemoving;
    FLATVM_RETURN_IF_ERROR(base::WithContext(it->second.addresses.Take(record.address),
                                             base::StrCat("record of tenant ", record.name)));
  }
  for (const VmRecord& vm : stored.vms) {
    TenantEntry* entry = state->FindTenant(vm.tenant);
    if (entry == nullptr) {
      return base::InternalError(base::StrCat("record of secondary ", vm.id, ": its tenant ",
                                              vm.tenant, " has no record"));
    }
    FLATVM_RETURN_IF_ERROR(base::WithContext(entry->addresses.Take(vm.address),
                                             base::StrCat("record of secondary ", vm.id)));
    const auto [it, inserted] = entry->vms.emplace(vm.id, vm);
    // A create that did not get to its commit is undone like a destroy that did not get to its end.
    if (vm.state == VmState::kCreating) it->second.state = VmState::kDestroying;
  }
  return absl::OkStatus();
}

void Reconciler::FinishTenantRemoval(const std::string& tenant) {
  const auto removed =
      tenants_.Remove(RemoveTenantOrder{.name = tenant, .secondaries = Secondaries::kDestroy});
  LogFailure("removal of a half-made or half-removed tenant", removed.status(), tenant, "");
}

void Reconciler::ReconcileTenant(const std::string& tenant) {
  TenantRecord record;
  std::vector<network::Lease> leases;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* entry = state->FindTenant(tenant);
    if (entry == nullptr) return;
    record = entry->record;
    leases = LeasesOf(*entry);
  }
  if (record.state != TenantState::kReady) return;  // its removal failed and will be tried again
  LogFailure("slice and network of a tenant", tenants_.EnsureEffects(record, leases), tenant, "");
  LogFailure("primary's share", carver_.Adjust(tenant), tenant, "");
  LogFailure("front of a tenant", ports_.gate.OpenTenant(tenant), tenant, "");
}

std::set<std::string> Reconciler::RunningOnRecord() {
  std::set<std::string> ids;
  Registry::Access state = registry_.Acquire();
  for (const auto& [name, entry] : state->tenants) {
    for (const auto& [id, vm] : entry.vms) {
      if (vm.state == VmState::kRunning && !entry.in_flight.contains(id)) ids.insert(id);
    }
  }
  return ids;
}

void Reconciler::MarkStopped(std::set<std::string> candidates,
                             const std::vector<hypervisor::DomainInfo>& domains) {
  for (const hypervisor::DomainInfo& domain : domains) {
    if (domain.state == hypervisor::DomainState::kRunning) candidates.erase(domain.vm_id);
  }
  for (const std::string& id : candidates) OnDomainStopped(id);
}

absl::Status Reconciler::RefreshStates() {
  // In this order: a secondary that is made meanwhile is no candidate.
  std::set<std::string> candidates = RunningOnRecord();
  FLATVM_ASSIGN_OR_RETURN(const std::vector<hypervisor::DomainInfo> domains,
                          ports_.hypervisor.ListDomains());
  MarkStopped(std::move(candidates), domains);
  return absl::OkStatus();
}

// It may have been started by a flatvmd that ended before it came to this.
void Reconciler::ExposeToOomKiller(const hypervisor::DomainInfo& domain) {
  if (domain.domain_id == 0) return;
  const absl::Status status = ports_.cgroups.ExposeToOomKiller(domain.tenant, domain.domain_id);
  if (status.code() == absl::StatusCode::kNotFound) return;  // stopped meanwhile
  LogFailure("exposing a secondary to the OOM killer", status, domain.tenant, domain.vm_id);
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
  for (const std::string& tenant : tenants) {
    const auto files = ports_.storage.ListVmFiles(tenant);
    LogFailure("listing of a tenant's files", files.status(), tenant, "");
    if (!files.ok()) continue;
    for (const std::string& id : *files) {
      if (vms.contains(id)) continue;
      LogFailure("removal of orphaned files", ports_.storage.RemoveVmFiles(tenant, id), tenant, id);
    }
  }
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

absl::Status Reconciler::ReconcileAtStart(const StoredState& stored) {
  FLATVM_RETURN_IF_ERROR(FillRegistry(stored));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<hypervisor::DomainInfo> domains,
                          ports_.hypervisor.ListDomains());
  MarkStopped(RunningOnRecord(), domains);
  RetryLeftovers();
  for (const TenantRecord& tenant : stored.tenants) ReconcileTenant(tenant.name);
  RemoveOrphans(domains);
  return absl::OkStatus();
}

void Reconciler::RetryLeftovers() {
  std::vector<std::string> removing;
  std::vector<std::pair<std::string, std::string>> destroying;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) {
      if (entry.changing) continue;
      if (entry.record.state == TenantState::kRemoving) removing.push_back(name);
      for (const auto& [id, vm] : entry.vms) {
        if (vm.state == VmState::kDestroying && !entry.in_flight.contains(id)) {
          destroying.emplace_back(name, id);
        }
      }
    }
  }
  for (const auto& [tenant, id] : destroying) {
    LogFailure("removal of a half-destroyed secondary",
               vms_.Destroy(DestroyVmOrder{.tenant = tenant, .vm = id}).status(), tenant, id);
  }
  for (const std::string& tenant : removing) FinishTenantRemoval(tenant);
  RemoveOrphanedSlices();
}

void Reconciler::OnDomainStopped(const std::string& uuid) {
  std::string primary_of;
  std::vector<VmRecord> stopped;
  {
    Registry::Access state = registry_.Acquire();
    for (auto& [name, entry] : state->tenants) {
      if (entry.record.primary_uuid == uuid) primary_of = name;
      const auto it = entry.vms.find(uuid);
      if (it == entry.vms.end() || it->second.state == VmState::kDestroying) continue;
      it->second.state = VmState::kStopped;
      // While a change is in flight the record on disk is its business.
      if (!entry.in_flight.contains(uuid)) stopped.push_back(it->second);
    }
  }
  if (!primary_of.empty()) {
    ports_.gate.DropConnections(primary_of);
    ports_.log.Log(base::LogLevel::kInfo, "primary stopped, its connections are dropped",
                   base::LogFields{.tenant = primary_of});
  }
  for (const VmRecord& vm : stopped) {
    ports_.log.Log(base::LogLevel::kInfo, "secondary stopped",
                   base::LogFields{.tenant = vm.tenant, .vm = vm.id});
    LogFailure("record of a stopped secondary", ports_.records.PutVm(vm), vm.tenant, vm.id);
  }
}

}  // namespace flatvm::broker
