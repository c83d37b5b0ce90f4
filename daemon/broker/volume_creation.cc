#include <algorithm>
#include <string>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/request_claim.h"
#include "daemon/broker/validation.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {

// One create, from admission to commit.
class VolumeLifecycle::Creation {
 public:
  Creation(VolumeLifecycle& owner, const CreateVolumeOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(owner.ports_.log, base::LogFields{.request = order.request_id,
                                                    .tenant = order.tenant,
                                                    .op = "create-volume"}) {}

  absl::StatusOr<VolumeView> Run() {
    FLATVM_RETURN_IF_ERROR(Reserve());
    if (order_.mode == Mode::kValidateOnly) return VolumeView{.volume = volume_};
    // The intent is on disk before the first effect; RemoveEffects undoes whatever comes.
    rollback_.Push("file and record", [this] {
      undone_ = owner_.RemoveEffects(volume_);
      return undone_;
    });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutVolume(volume_));
    FLATVM_RETURN_IF_ERROR(MakeFile());
    VolumeRecord ready = volume_;
    ready.state = VolumeState::kReady;
    FLATVM_RETURN_IF_ERROR(owner_.Commit(ready));
    volume_ = ready;
    rollback_.Release();
    Leave();
    return VolumeView{.volume = volume_};
  }

 private:
  // Decides under the lock; the record put into the registry is the reservation.
  absl::Status Reserve() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order_.tenant));
    FLATVM_RETURN_IF_ERROR(RegistryState::CheckVolumeName(*tenant, order_.name));
    FLATVM_RETURN_IF_ERROR(Size(*tenant));
    FLATVM_RETURN_IF_ERROR(Admit(
        tenant->Ceiling(),
        UsedBy(tenant->record, tenant->vms, tenant->volumes, tenant->images, owner_.settings_),
        CostOfVolume(volume_.size_mib)));
    volume_.tenant = order_.tenant;
    volume_.name = order_.name;
    volume_.created_at = owner_.ports_.clock.Now();
    volume_.request_id = order_.request_id;
    volume_.asked_size_mib = order_.size_mib;
    volume_.asked_clone_of = order_.clone_of;
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();

    volume_.id = base::NewUuid();
    tenant->volumes.emplace(volume_.id, volume_);
    tenant->in_flight.insert(volume_.id);
    if (!source_id_.empty()) tenant->in_flight.insert(source_id_);
    rollback_.Push("reservation", [this] {
      Leave();
      return absl::OkStatus();
    });
    return absl::OkStatus();
  }

  absl::Status Size(TenantEntry& tenant) {
    volume_.size_mib = order_.size_mib;
    if (order_.clone_of.empty()) return absl::OkStatus();
    FLATVM_ASSIGN_OR_RETURN(const VolumeRecord* source,
                            RegistryState::GetFreeVolume(tenant, order_.clone_of));
    if (order_.size_mib != 0 && order_.size_mib < source->size_mib) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "size_mib",
                              base::StrCat("volume \"", source->name, "\" has ", source->size_mib,
                                           " MiB, and a copy of it no less"));
    }
    volume_.size_mib = std::max(order_.size_mib, source->size_mib);
    source_id_ = source->id;
    return absl::OkStatus();
  }

  absl::Status MakeFile() {
    storage::TenantVolumes& volumes = owner_.ports_.volumes;
    if (source_id_.empty()) {
      return volumes.CreateVolume(volume_.tenant, volume_.id, volume_.size_mib);
    }
    return volumes.CloneVolume(volume_.tenant, source_id_, volume_.id, volume_.size_mib);
  }

  // The last step of both ends: others may change the volume and its source again.
  void Leave() {
    {
      Registry::Access state = owner_.registry_.Acquire();
      if (TenantEntry* tenant = state->FindTenant(order_.tenant); tenant != nullptr) {
        tenant->in_flight.erase(volume_.id);
        if (!source_id_.empty()) tenant->in_flight.erase(source_id_);
        if (volume_.state != VolumeState::kReady) {
          // What could not be undone stays, counted, for the reconciler.
          if (undone_.ok()) {
            tenant->volumes.erase(volume_.id);
          } else {
            tenant->volumes[volume_.id].state = VolumeState::kDeleting;
          }
        }
      }
    }
    owner_.registry_.NotifyChanged();
  }

  VolumeLifecycle& owner_;
  const CreateVolumeOrder& order_;
  VolumeRecord volume_;
  std::string source_id_;  // empty: no copy
  absl::Status undone_;
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

absl::StatusOr<std::unique_ptr<VolumeView>> VolumeLifecycle::FindEarlierCreate(
    const CreateVolumeOrder& order) {
  if (order.request_id.empty()) return nullptr;
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order.tenant));
  for (const auto& [id, volume] : tenant->volumes) {
    if (volume.request_id != order.request_id) continue;
    if (volume.name != order.name || volume.asked_size_mib != order.size_mib ||
        volume.asked_clone_of != order.clone_of || volume.asked_quota_path != order.quota_path) {
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kRequestIdReused, .field = "request_id"},
          "this request id has created another volume");
    }
    FLATVM_RETURN_IF_ERROR(RegistryState::GetIdleVolume(*tenant, id).status());
    return std::make_unique<VolumeView>(
        VolumeView{.volume = volume, .attached_to = tenant->HolderOf(volume)});
  }
  return nullptr;
}

absl::StatusOr<VolumeView> VolumeLifecycle::Make(const CreateVolumeOrder& order) {
  if (order.quota_path.empty()) return Creation(*this, order).Run();
  FLATVM_ASSIGN_OR_RETURN(const VolumeRecord volume,
                          quota_moves_.Extract({.tenant = order.tenant,
                                                .request_id = order.request_id,
                                                .mode = order.mode,
                                                .name = order.name,
                                                .path = order.quota_path}));
  return VolumeView{.volume = volume};
}

absl::StatusOr<VolumeView> VolumeLifecycle::Create(const CreateVolumeOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(
      ValidateVolume(order.name, order.size_mib, order.clone_of, order.quota_path));
  if (order.mode == Mode::kValidateOnly) return Make(order);
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<RequestClaim> claim,
                          RequestClaim::Take(registry_, order.tenant, order.request_id,
                                             ports_.clock.Steady() + settings_.create_timeout));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<VolumeView> earlier, FindEarlierCreate(order));
  if (earlier != nullptr) return *earlier;
  return Make(order);
}

}  // namespace flatvm::broker
