// VolumeLifecycle's part for volumes that something was cut off at.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/in_flight_mark.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {

absl::Status VolumeLifecycle::RemoveEffects(const VolumeRecord& volume) {
  // One that did not get as far as to be taken out of the quota disk.
  if (!volume.asked_quota_path.empty() && volume.quota_mib == 0) {
    FLATVM_RETURN_IF_ERROR(ports_.quota_disks.Discard(volume.tenant, volume.id));
  }
  FLATVM_RETURN_IF_ERROR(ports_.volumes.RemoveVolume(volume.tenant, volume.id));
  ports_.steps.Pass("delete.removed");
  FLATVM_RETURN_IF_ERROR(ports_.records.RemoveVolume(volume.tenant, volume.id));
  ports_.steps.Pass("delete.forgotten");
  return absl::OkStatus();
}

absl::Status VolumeLifecycle::FinishDelete(const std::string& tenant_name, const std::string& id) {
  VolumeRecord volume;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr) return absl::OkStatus();
    const auto found = tenant->volumes.find(id);
    if (found == tenant->volumes.end() || found->second.state != VolumeState::kDeleting ||
        tenant->in_flight.contains(id)) {
      return absl::OkStatus();
    }
    volume = found->second;
    tenant->in_flight.insert(id);
  }
  const InFlightMark mark(registry_, tenant_name, id);
  FLATVM_RETURN_IF_ERROR(RemoveEffects(volume));
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(tenant_name); tenant != nullptr) {
      tenant->volumes.erase(id);
    }
  }
  GiveBack(volume);
  return absl::OkStatus();
}

void VolumeLifecycle::GiveBack(const VolumeRecord& volume) {
  if (volume.quota_mib == 0) return;
  const absl::Status status = quota_moves_.plug().Ensure(volume.tenant);
  if (status.ok()) return;
  ports_.log.Log(
      base::LogLevel::kWarning,
      base::StrCat("growing a quota disk failed, to be tried again: ", base::Message(status)),
      base::LogFields{.tenant = volume.tenant});
}

absl::Status VolumeLifecycle::Repair(const std::string& tenant_name, const std::string& id) {
  VolumeRecord volume;
  std::string primary_uuid;
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr) return absl::OkStatus();
    const auto found = RegistryState::GetIdleVolume(*tenant, id);
    if (!found.ok()) return absl::OkStatus();
    volume = **found;
    primary_uuid = tenant->record.primary_uuid;
    locks = tenant->locks;
    tenant->in_flight.insert(id);
  }
  const InFlightMark mark(registry_, tenant_name, id);
  if (volume.image_bytes == 0) {
    FLATVM_RETURN_IF_ERROR(ports_.volumes.GrowVolume(volume.tenant, volume.id, volume.size_mib));
  }
  if (!volume.on_primary) return absl::OkStatus();
  const std::lock_guard lock(locks->disks);
  FLATVM_ASSIGN_OR_RETURN(const hypervisor::PrimaryInfo primary,
                          ports_.hypervisor.GetPrimary(primary_uuid));
  if (!primary.running) return absl::OkStatus();  // it gets the disk when it starts
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> live,
                          ports_.primary_disks.ListLive(primary_uuid));
  const std::string path = ports_.volumes.VolumePath(volume.tenant, volume.id);
  if (std::find(live.begin(), live.end(), path) != live.end()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(Unplug(volume, primary_uuid));
  volume.on_primary = false;
  ports_.log.Log(
      base::LogLevel::kNotice,
      base::StrCat("volume ", volume.name, " is detached: the running primary does not have it"),
      base::LogFields{.tenant = volume.tenant, .op = "reconcile"});
  return Commit(volume);
}

}  // namespace flatvm::broker
