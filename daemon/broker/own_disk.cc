#include "daemon/broker/own_disk.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/in_flight_mark.h"

namespace flatvm::broker {

const VolumeRecord* OwnDisk::Find(TenantEntry& tenant) const {
  const VolumeRecord* volume = tenant.FindVolume(name_);
  const bool ours = volume != nullptr && volume->name == name_ &&
                    volume->asked_quota_path == path_ && volume->request_id == request_id_;
  return ours ? volume : nullptr;
}

absl::StatusOr<bool> OwnDisk::FindLeft(TenantEntry& tenant) const {
  FLATVM_RETURN_IF_ERROR(RegistryState::CheckQuotaDisk(tenant));
  if (!request_id_.empty() && Find(tenant) != nullptr) return true;
  const VolumeRecord* volume = tenant.FindVolume(name_);
  if (volume == nullptr) return false;
  const char* hint = volume->asked_quota_path == path_
                         ? ", made of the same image: boot from that, or delete it"
                         : ", and the disk of a secondary is called as it is";
  return base::MakeError(
      absl::StatusCode::kAlreadyExists,
      base::ErrorInfo{.reason = base::Reason::kVolumeNameTaken, .field = "spec.name"},
      base::StrCat("there is a volume \"", name_, "\" already", hint));
}

absl::StatusOr<VolumeRecord> OwnDisk::TakeOut() {
  FLATVM_ASSIGN_OR_RETURN(turn_, moves_.plug().TakeTurn(tenant_));
  if (!request_id_.empty()) {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_);
    const VolumeRecord* volume = tenant == nullptr ? nullptr : Find(*tenant);
    if (volume != nullptr) {
      volume_id_ = volume->id;
      return *volume;
    }
  }
  absl::StatusOr<VolumeRecord> volume = moves_.Extract({.tenant = tenant_,
                                                        .request_id = request_id_,
                                                        .mode = Mode::kExecute,
                                                        .name = name_,
                                                        .path = path_},
                                                       *turn_);
  if (volume.ok()) {
    volume_id_ = volume->id;
  } else {
    Keep();
  }
  return volume;
}

void OwnDisk::PutBack() {
  VolumeRecord volume;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_);
    const VolumeRecord* found =
        tenant == nullptr || volume_id_.empty() ? nullptr : tenant->FindVolume(volume_id_);
    if (found == nullptr || found->state != VolumeState::kReady) return;
    volume = *found;
    tenant->in_flight.insert(volume.id);
  }
  const InFlightMark mark(registry_, tenant_, volume.id);
  if (!moves_.returns().Return(volume, request_id_, *turn_).ok()) Keep();
}

void OwnDisk::Keep() {
  Registry::Access state = registry_.Acquire();
  TenantEntry* tenant = state->FindTenant(tenant_);
  const VolumeRecord* volume = tenant == nullptr ? nullptr : Find(*tenant);
  // One that has not been decided for goes by itself.
  if (volume == nullptr || volume->state == VolumeState::kCreating) return;
  left_ = base::StrCat(
      "the image that was to be its disk is not on the quota disk any more: it is volume \"", name_,
      "\"; boot from that, or delete it with its return");
}

}  // namespace flatvm::broker
