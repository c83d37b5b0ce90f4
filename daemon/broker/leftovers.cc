// Reconciler's part for what failed half-way, or was cut off.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/broker/reconciler.h"
#include "daemon/broker/tenant_plan.h"

namespace flatvm::broker {
namespace {

// Neither it nor who is on its networks is being changed.
bool IsSettled(const TenantEntry& tenant) {
  return tenant.record.state == TenantState::kReady && !tenant.changing && !tenant.updating &&
         std::none_of(tenant.vms.begin(), tenant.vms.end(),
                      [&](const auto& entry) { return tenant.in_flight.contains(entry.first); });
}

}  // namespace

void Reconciler::EnsureEffects(const std::string& tenant) {
  TenantRecord record;
  std::vector<network::NetworkSpec> networks;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* entry = state->FindTenant(tenant);
    if (entry == nullptr) return;
    entry->effects_pending = true;
    if (!IsSettled(*entry)) return;
    entry->updating = true;
    entry->remaking_network = true;
    record = entry->record;
    networks = NetworkSpecsOf(*entry);
  }
  const absl::Status status = tenants_.EnsureEffects(record, networks);
  LogFailure("slice and networks of a tenant", status, tenant, "");
  // Of a bridge of the operator's that is away, the network itself waits for it.
  const bool away = base::GetErrorInfo(status).reason == base::Reason::kBridgeUnusable;
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* entry = state->FindTenant(tenant); entry != nullptr) {
      entry->updating = false;
      entry->remaking_network = false;
      entry->effects_pending = !status.ok() && !away;
    }
  }
  registry_.NotifyChanged();
}

void Reconciler::FinishQuotaMoves() {
  std::vector<std::pair<std::string, std::string>> moving;
  std::vector<std::pair<std::string, std::string>> returning;
  std::vector<std::string> pending;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) {
      bool any = entry.quota_pending || entry.quota_kept;
      for (const auto& [id, volume] : entry.volumes) {
        const bool moves = volume.state == VolumeState::kMoving;
        if (entry.in_flight.contains(id)) continue;
        if (!moves && volume.state != VolumeState::kReturning) continue;
        (moves ? moving : returning).emplace_back(name, id);
        any = true;
      }
      if (any && entry.record.state == TenantState::kReady) pending.push_back(name);
    }
  }
  for (const auto& [tenant, id] : moving) {
    LogFailure("the end of an image's move", quota_moves_.FinishMove(tenant, id), tenant, "");
  }
  for (const auto& [tenant, id] : returning) {
    LogFailure("the end of an image's return", quota_moves_.returns().FinishReturn(tenant, id),
               tenant, "");
  }
  for (const std::string& tenant : pending) {
    LogFailure("quota disk of a tenant", quota_moves_.plug().Ensure(tenant), tenant, "");
  }
}

void Reconciler::RetryLeftovers() {
  // First: who waits for their end may go on then.
  FinishQuotaMoves();
  std::vector<std::string> removing;
  std::vector<std::string> pending;
  std::vector<std::pair<std::string, std::string>> destroying;
  std::vector<std::pair<std::string, std::string>> deleting;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, entry] : state->tenants) {
      if (entry.changing) continue;
      if (entry.record.state == TenantState::kRemoving) removing.push_back(name);
      if (entry.effects_pending) pending.push_back(name);
      for (const auto& [id, vm] : entry.vms) {
        if (vm.state == VmState::kDestroying && !entry.in_flight.contains(id)) {
          destroying.emplace_back(name, id);
        }
      }
      for (const auto& [id, volume] : entry.volumes) {
        if (volume.state == VolumeState::kDeleting) deleting.emplace_back(name, id);
      }
    }
  }
  for (const auto& [tenant, id] : destroying) {
    LogFailure("removal of a half-destroyed secondary", vms_.FinishDestroy(tenant, id), tenant, id);
  }
  for (const auto& [tenant, id] : deleting) {
    LogFailure("removal of a half-deleted volume", volumes_.FinishDelete(tenant, id), tenant, "");
  }
  images_.RetryLeftovers();
  for (const std::string& tenant : pending) EnsureEffects(tenant);
  for (const std::string& tenant : removing) FinishTenantRemoval(tenant);
  RemoveOrphanedSlices();
}

}  // namespace flatvm::broker
