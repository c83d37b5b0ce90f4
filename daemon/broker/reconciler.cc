#include "daemon/broker/reconciler.h"

#include <set>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/tenant_plan.h"
#include "daemon/broker/vm_places.h"

namespace flatvm::broker {
void Reconciler::LogFailure(const std::string& what, const absl::Status& status,
                            const std::string& tenant, const std::string& vm) {
  if (status.ok()) return;
  ports_.log.Log(base::LogLevel::kWarning,
                 base::StrCat(what, " failed, to be tried again: ", base::Message(status)),
                 base::LogFields{.tenant = tenant, .vm = vm, .op = "reconcile"});
}

// Of a secondary that goes anyway: without its NICs on networks that its tenant does not have.
VmRecord Reconciler::WithoutGoneNetworks(const TenantEntry& tenant, VmRecord vm) {
  std::erase_if(vm.nics, [&](const NicRecord& nic) {
    if (tenant.FindNetwork(nic.network) != nullptr) return false;
    ports_.log.Log(base::LogLevel::kWarning,
                   base::StrCat("a half-made or half-destroyed secondary was on network \"",
                                nic.network, "\", which is gone; going on with its removal"),
                   base::LogFields{.tenant = vm.tenant, .vm = vm.id, .op = "reconcile"});
    return true;
  });
  return vm;
}

absl::Status Reconciler::FillRegistry(const StoredState& stored) {
  Registry::Access state = registry_.Acquire();
  for (const TenantRecord& record : stored.tenants) {
    FLATVM_RETURN_IF_ERROR(base::WithContext(tenants_.TakeSubnet(record.subnet),
                                             base::StrCat("record of tenant ", record.name)));
    for (const NetworkRecord& network : record.networks) {
      if (network.mode == network::NetworkMode::kBridge) continue;
      FLATVM_RETURN_IF_ERROR(base::WithContext(
          tenants_.TakeSubnet(network.subnet),
          base::StrCat("record of tenant ", record.name, ", network ", network.name)));
    }
    const auto [it, inserted] = state->tenants.emplace(record.name, TenantEntry(record));
    if (record.state == TenantState::kCreating) it->second.record.state = TenantState::kRemoving;
    FLATVM_RETURN_IF_ERROR(base::WithContext(it->second.addresses.Take(record.address),
                                             base::StrCat("record of tenant ", record.name)));
  }
  for (const VmRecord& recorded : stored.vms) {
    TenantEntry* entry = state->FindTenant(recorded.tenant);
    if (entry == nullptr) {
      return base::InternalError(base::StrCat("record of secondary ", recorded.id, ": its tenant ",
                                              recorded.tenant, " has no record"));
    }
    const bool goes =
        recorded.state == VmState::kCreating || recorded.state == VmState::kDestroying;
    const VmRecord vm = goes ? WithoutGoneNetworks(*entry, recorded) : recorded;
    FLATVM_RETURN_IF_ERROR(base::WithContext(TakeRecordedPlaces(*entry, vm),
                                             base::StrCat("record of secondary ", vm.id)));
    const auto [it, inserted] = entry->vms.emplace(vm.id, vm);
    // A create that did not get to its commit is undone like a destroy that did not get to its end.
    if (vm.state == VmState::kCreating) it->second.state = VmState::kDestroying;
  }
  for (const VolumeRecord& volume : stored.volumes) {
    TenantEntry* entry = state->FindTenant(volume.tenant);
    if (entry == nullptr) {
      return base::InternalError(base::StrCat("record of volume ", volume.id, ": its tenant ",
                                              volume.tenant, " has no record"));
    }
    const auto [it, inserted] = entry->volumes.emplace(volume.id, volume);
    if (volume.state == VolumeState::kCreating) {
      it->second.state = VolumeState::kDeleting;
      // The flatvmd that was ended may have asked the primary to let go of the quota disk.
      if (!volume.asked_quota_path.empty()) entry->quota_kept = true;
    }
  }
  for (const ImageRecord& image : stored.images) {
    TenantEntry* entry = state->FindTenant(image.tenant);
    if (entry == nullptr) {
      return base::InternalError(base::StrCat("record of image ", image.id, ": its tenant ",
                                              image.tenant, " has no record"));
    }
    entry->images.emplace(image.id, image);
  }
  return absl::OkStatus();
}

void Reconciler::FinishTenantRemoval(const std::string& tenant) {
  const auto removed = tenants_.Remove(RemoveTenantOrder{
      .name = tenant, .secondaries = Secondaries::kDestroy, .volumes = Volumes::kDelete});
  LogFailure("removal of a half-made or half-removed tenant", removed.status(), tenant, "");
}

void Reconciler::ReconcileTenant(const std::string& tenant) {
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenant(tenant);
    if (entry == nullptr) return;
    // Its removal failed and will be tried again.
    if (entry->record.state != TenantState::kReady) return;
  }
  EnsureEffects(tenant);
  LogFailure("primary's share", carver_.Adjust(tenant), tenant, "");
  RepairVolumes(tenant);
  images_.RepairAtStart(tenant);
  LogFailure("quota disk of a tenant", quota_moves_.plug().Ensure(tenant), tenant, "");
  LogFailure("front of a tenant", ports_.gate.OpenTenant(tenant), tenant, "");
}

void Reconciler::RepairVolumes(const std::string& tenant) {
  std::vector<std::string> ids;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenant(tenant);
    if (entry == nullptr) return;
    for (const auto& [id, volume] : entry->volumes) ids.push_back(id);
  }
  for (const std::string& id : ids) {
    LogFailure("repair of a volume", volumes_.Repair(tenant, id), tenant, "");
  }
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

absl::Status Reconciler::ReconcileAtStart(const StoredState& stored,
                                          const std::function<void(size_t done)>& on_progress) {
  FLATVM_RETURN_IF_ERROR(FillRegistry(stored));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<hypervisor::DomainInfo> domains,
                          ports_.hypervisor.ListDomains());
  MarkStopped(RunningOnRecord(), domains);
  RetryLeftovers();
  for (size_t done = 0; done < stored.tenants.size(); ++done) {
    on_progress(done);
    ReconcileTenant(stored.tenants[done].name);
  }
  RemoveOrphans(domains);
  return absl::OkStatus();
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
