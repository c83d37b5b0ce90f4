// VolumeLifecycle's part for volumes that are there.
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/in_flight_mark.h"
#include "daemon/broker/request_claim.h"
#include "daemon/broker/validation.h"
#include "daemon/broker/vm_plan.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {
namespace {

// A volume that a change begins with, and whose primary it is.
struct Subject {
  VolumeRecord volume;
  std::string primary_uuid;
  std::shared_ptr<TenantLocks> locks;
};

absl::Status HeldBySecondary(const std::string& volume, const std::string& holder) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kVolumeInUse,
                         base::StrCat("volume \"", volume, "\" is in use: secondary \"", holder,
                                      "\" has it until it is destroyed"));
}

Subject SubjectOf(const TenantEntry& tenant, const VolumeRecord& volume) {
  return {.volume = volume, .primary_uuid = tenant.record.primary_uuid, .locks = tenant.locks};
}

}  // namespace

absl::Status VolumeLifecycle::Commit(const VolumeRecord& volume) {
  FLATVM_RETURN_IF_ERROR(ports_.records.PutVolume(volume));
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(volume.tenant); tenant != nullptr) {
    tenant->volumes.insert_or_assign(volume.id, volume);
  }
  return absl::OkStatus();
}

absl::Status VolumeLifecycle::Plug(const VolumeRecord& volume, const std::string& primary) {
  return ports_.primary_disks.Attach(
      primary,
      {.path = ports_.volumes.VolumePath(volume.tenant, volume.id), .serial = SerialOf(volume)});
}

absl::Status VolumeLifecycle::Unplug(const VolumeRecord& volume, const std::string& primary) {
  return ports_.primary_disks.Detach(primary, ports_.volumes.VolumePath(volume.tenant, volume.id),
                                     settings_.detach_timeout);
}

absl::StatusOr<VolumeView> VolumeLifecycle::Attach(const VolumeOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("volume", order.volume));
  Subject subject;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order.tenant));
    FLATVM_ASSIGN_OR_RETURN(const VolumeRecord* volume,
                            RegistryState::GetIdleVolume(*tenant, order.volume));
    if (!volume->on_primary) {
      FLATVM_RETURN_IF_ERROR(RegistryState::GetFreeVolume(*tenant, order.volume).status());
    }
    subject = SubjectOf(*tenant, *volume);
    if (order.mode == Mode::kValidateOnly) return VolumeView{subject.volume, kPrimaryHostname};
    tenant->in_flight.insert(volume->id);
  }
  const InFlightMark mark(registry_, order.tenant, subject.volume.id);
  const std::lock_guard lock(subject.locks->disks);
  VolumeRecord attached = subject.volume;
  attached.on_primary = true;
  FLATVM_RETURN_IF_ERROR(Commit(attached));
  if (const absl::Status status = Plug(attached, subject.primary_uuid); !status.ok()) {
    // As it was; if the disk cannot be written now, Repair finds that the primary lacks it.
    if (const absl::Status undone = Commit(subject.volume); !undone.ok()) {
      ports_.log.Log(base::LogLevel::kWarning,
                     base::StrCat("taking back the record of an attach failed: ",
                                  base::Message(undone), ", ignoring"),
                     base::LogFields{.request = order.request_id, .tenant = order.tenant});
    }
    return status;
  }
  return VolumeView{attached, kPrimaryHostname};
}

absl::StatusOr<VolumeView> VolumeLifecycle::Detach(const VolumeOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("volume", order.volume));
  Subject subject;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.tenant));
    FLATVM_ASSIGN_OR_RETURN(const VolumeRecord* volume,
                            RegistryState::GetIdleVolume(*tenant, order.volume));
    const std::string holder = tenant->HolderOf(*volume);
    if (!holder.empty() && !volume->on_primary) return HeldBySecondary(volume->name, holder);
    subject = SubjectOf(*tenant, *volume);
    if (holder.empty() || order.mode == Mode::kValidateOnly) return VolumeView{subject.volume, ""};
    tenant->in_flight.insert(volume->id);
  }
  const InFlightMark mark(registry_, order.tenant, subject.volume.id);
  const std::lock_guard lock(subject.locks->disks);
  FLATVM_RETURN_IF_ERROR(Unplug(subject.volume, subject.primary_uuid));
  VolumeRecord detached = subject.volume;
  detached.on_primary = false;
  FLATVM_RETURN_IF_ERROR(Commit(detached));
  return VolumeView{detached, ""};
}

absl::StatusOr<VolumeView> VolumeLifecycle::Resize(const ResizeVolumeOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("volume", order.volume));
  FLATVM_RETURN_IF_ERROR(ValidateVolumeSize(order.size_mib));
  Subject subject;
  VolumeRecord grown;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order.tenant));
    FLATVM_ASSIGN_OR_RETURN(VolumeRecord * volume,
                            RegistryState::GetIdleVolume(*tenant, order.volume));
    const std::string holder = tenant->HolderOf(*volume);
    if (!holder.empty() && !volume->on_primary) return HeldBySecondary(volume->name, holder);
    if (order.size_mib < volume->size_mib) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "size_mib",
                              base::StrCat("volume \"", volume->name, "\" has ", volume->size_mib,
                                           " MiB and does not shrink"));
    }
    FLATVM_RETURN_IF_ERROR(
        Admit(tenant->Ceiling(),
              UsedBy(tenant->record, tenant->vms, tenant->volumes, tenant->images, settings_),
              CostOfVolume(order.size_mib - volume->size_mib)));
    subject = SubjectOf(*tenant, *volume);
    grown = subject.volume;
    grown.size_mib = order.size_mib;
    grown.image_bytes = 0;
    if (order.mode == Mode::kValidateOnly) return VolumeView{grown, holder};
    volume->size_mib = order.size_mib;  // the reservation
    tenant->in_flight.insert(volume->id);
  }
  const InFlightMark mark(registry_, order.tenant, grown.id);
  absl::Status status = Commit(grown);
  if (status.ok()) status = ports_.volumes.GrowVolume(grown.tenant, grown.id, grown.size_mib);
  if (!status.ok()) {
    // On disk a size that is too large would only count too much, and Repair makes it true.
    (void)Commit(subject.volume);
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(grown.tenant); tenant != nullptr) {
      tenant->volumes.insert_or_assign(grown.id, subject.volume);
    }
    return status;
  }
  if (!grown.on_primary) return VolumeView{grown, ""};
  const std::lock_guard lock(subject.locks->disks);
  FLATVM_RETURN_IF_ERROR(ports_.primary_disks.AnnounceSize(
      subject.primary_uuid, ports_.volumes.VolumePath(grown.tenant, grown.id),
      grown.size_mib * base::kMebibyte));
  return VolumeView{grown, kPrimaryHostname};
}

absl::StatusOr<std::unique_ptr<VolumeView>> VolumeLifecycle::FindEarlierDelete(
    const VolumeOrder& order) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.tenant));
  const auto* earlier = tenant->finished_deletes.Find(order.request_id, ports_.clock.Steady());
  if (earlier == nullptr) return nullptr;
  if (earlier->reference == order.volume) {
    return std::make_unique<VolumeView>(VolumeView{earlier->record, ""});
  }
  return base::MakeError(
      absl::StatusCode::kAlreadyExists,
      base::ErrorInfo{.reason = base::Reason::kRequestIdReused, .field = "request_id"},
      "this request id has deleted another volume");
}

absl::StatusOr<VolumeView> VolumeLifecycle::Delete(const VolumeOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateVolumeReference("volume", order.volume));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<RequestClaim> claim,
                          RequestClaim::Take(registry_, order.tenant, order.request_id,
                                             ports_.clock.Steady() + settings_.create_timeout));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<VolumeView> earlier, FindEarlierDelete(order));
  if (earlier != nullptr) return *earlier;
  VolumeRecord volume;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.tenant));
    FLATVM_ASSIGN_OR_RETURN(VolumeRecord * found,
                            RegistryState::GetFreeVolume(*tenant, order.volume));
    volume = *found;
    if (order.fate == DiskFate::kReturn) {
      FLATVM_RETURN_IF_ERROR(QuotaReturns::CheckOrigin(volume));
    }
    if (order.mode == Mode::kValidateOnly) return VolumeView{volume, ""};
    if (order.fate == DiskFate::kDelete) found->state = VolumeState::kDeleting;
    tenant->in_flight.insert(volume.id);
  }
  const InFlightMark mark(registry_, order.tenant, volume.id);
  if (order.fate == DiskFate::kReturn) return Return(order, volume);
  VolumeRecord intent = volume;
  intent.state = VolumeState::kDeleting;
  FLATVM_RETURN_IF_ERROR(ports_.records.PutVolume(intent));
  ports_.steps.Pass("delete.intent");
  FLATVM_RETURN_IF_ERROR(RemoveEffects(volume));
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(order.tenant); tenant != nullptr) {
      tenant->volumes.erase(volume.id);
    }
  }
  Remember(order, volume);
  GiveBack(volume);
  return VolumeView{volume, ""};
}

}  // namespace flatvm::broker
