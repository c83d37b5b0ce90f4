#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/tenant_lifecycle.h"

namespace flatvm::broker {

namespace {

// What a running primary still has of its tenant, and loses at its next start.
std::vector<std::string> StillHas(const hypervisor::PrimaryInfo& primary,
                                  const hypervisor::PrimaryAttachment& attachment) {
  std::vector<std::string> has;
  if (!primary.running) return has;
  const std::vector<std::string> lacks = LacksOf(primary, attachment);
  for (const char* part : {"vsock", "partition", "nic"}) {
    if (std::find(lacks.begin(), lacks.end(), part) == lacks.end()) has.emplace_back(part);
  }
  return has;
}

}  // namespace

absl::Status TenantLifecycle::RemoveEffects(const TenantRecord& tenant, PrimaryRestart restart,
                                            std::vector<std::string>* needs_restart) {
  // While the primary's guest still runs: one that boots does not let go of a disk.
  FLATVM_RETURN_IF_ERROR(quota_moves_.plug().Unplug(tenant));
  FLATVM_RETURN_IF_ERROR(ports_.gate.CloseTenant(tenant.name));
  if (tenant.carve.mode == CarveMode::kBalloon) {
    FLATVM_RETURN_IF_ERROR(carver_.Release(tenant));
  }
  FLATVM_RETURN_IF_ERROR(ports_.hypervisor.DetachPrimary(tenant.undo));
  auto primary = ports_.hypervisor.GetPrimary(tenant.primary_uuid);
  if (!primary.ok() && primary.status().code() != absl::StatusCode::kNotFound) {
    return primary.status();
  }
  if (primary.ok()) *needs_restart = StillHas(*primary, AttachmentOf(tenant));
  if (!needs_restart->empty() && restart == PrimaryRestart::kRestart) {
    FLATVM_RETURN_IF_ERROR(
        ports_.hypervisor.RestartPrimary(tenant.primary_uuid, settings_.shutdown_timeout_ms));
    needs_restart->clear();
  }
  for (const NetworkRecord& network : tenant.networks) {
    FLATVM_RETURN_IF_ERROR(ports_.networks.RemoveNetwork(NetworkSpecOf(tenant, network, {})));
  }
  FLATVM_RETURN_IF_ERROR(ports_.networks.RemoveNetwork(NetworkSpecOf(tenant, {})));
  FLATVM_RETURN_IF_ERROR(RemoveSliceUnlessOccupied(tenant.name));
  FLATVM_RETURN_IF_ERROR(ports_.quota_disks.RemoveQuotaDisk(tenant.name));
  FLATVM_RETURN_IF_ERROR(ports_.storage.RemoveTenant(tenant.name));
  return ports_.records.RemoveTenant(tenant.name);
}

absl::Status TenantLifecycle::RemoveSliceUnlessOccupied(const std::string& tenant) {
  const absl::Status status = ports_.cgroups.RemoveSlice(tenant);
  if (status.code() != absl::StatusCode::kFailedPrecondition) return status;
  // The primary runs in it until its next start; the reconciler removes it when it is empty.
  ports_.log.Log(
      base::LogLevel::kNotice,
      base::StrCat("slice ", cgroups::SliceName(tenant), " is kept until its last process ends"),
      base::LogFields{.tenant = tenant});
  return absl::OkStatus();
}

absl::StatusOr<TenantRecord> TenantLifecycle::BeginRemoval(const RemoveTenantOrder& order) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.name));
  if (tenant->changing || tenant->updating || !tenant->in_flight.empty()) {
    return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                           "a change of the tenant or of one of its secondaries is under way; try "
                           "again later");
  }
  if (order.secondaries == Secondaries::kRefuse && !tenant->vms.empty()) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, base::Reason::kTenantHasSecondaries,
        base::StrCat("tenant \"", order.name, "\" has ", tenant->vms.size(),
                     " secondaries; destroy them first or ask for it with --destroy-secondaries"));
  }
  if (order.volumes == Volumes::kRefuse && !tenant->volumes.empty()) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, base::Reason::kTenantHasVolumes,
        base::StrCat("tenant \"", order.name, "\" has ", tenant->volumes.size(),
                     " volumes; they are deleted with all that is on them if you ask for it with "
                     "--delete-volumes"));
  }
  if (order.volumes == Volumes::kRefuse && tenant->record.quota_disk_mib != 0) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, base::Reason::kTenantHasVolumes,
        base::StrCat("tenant \"", order.name,
                     "\" has a quota disk; it is deleted with all that is on it if you ask for it "
                     "with --delete-volumes"));
  }
  if (order.volumes == Volumes::kRefuse && !tenant->images.empty()) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition, base::Reason::kTenantHasVolumes,
        base::StrCat("tenant \"", order.name, "\" has ", tenant->images.size(),
                     " images of its own; they are deleted if you ask for it with "
                     "--delete-volumes"));
  }
  if (order.mode == Mode::kExecute) {
    // From here on no create begins: GetReadyTenant refuses.
    tenant->record.state = TenantState::kRemoving;
    tenant->changing = true;
  }
  return tenant->record;
}

// Nothing has changed yet: the tenant is what it was.
void TenantLifecycle::CallOffRemoval(const std::string& tenant, TenantState before) {
  Registry::Access state = registry_.Acquire();
  TenantEntry* entry = state->FindTenant(tenant);
  if (entry == nullptr) return;
  entry->record.state = before;
  entry->changing = false;
}

void TenantLifecycle::EndRemoval(const TenantRecord& tenant, bool removed) {
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* entry = state->FindTenant(tenant.name); entry != nullptr) {
    entry->changing = false;
    if (removed) state->tenants.erase(tenant.name);
  }
  if (!removed) return;
  ReleaseSubnet(tenant.subnet);
  for (const NetworkRecord& network : tenant.networks) ReleaseSubnet(network.subnet);
}

absl::Status TenantLifecycle::DestroySecondaries(const std::string& tenant, uint32_t* destroyed) {
  std::vector<std::string> ids;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    for (const auto& [id, vm] : entry->vms) ids.push_back(id);
  }
  for (const std::string& id : ids) {
    const auto vm = vms_.Destroy(DestroyVmOrder{.tenant = tenant, .vm = id});
    if (!vm.ok() && vm.status().code() != absl::StatusCode::kNotFound) return vm.status();
    ++*destroyed;
  }
  return absl::OkStatus();
}

absl::Status TenantLifecycle::DetachVolumes(const std::string& tenant) {
  std::vector<std::string> ids;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    for (const auto& [id, volume] : entry->volumes) {
      if (volume.on_primary) ids.push_back(id);
    }
  }
  for (const std::string& id : ids) {
    const auto volume = volumes_.Detach(VolumeOrder{.tenant = tenant, .volume = id});
    if (!volume.ok() && volume.status().code() != absl::StatusCode::kNotFound) {
      return volume.status();
    }
  }
  return absl::OkStatus();
}

absl::Status TenantLifecycle::DeleteVolumes(const std::string& tenant, uint32_t* deleted) {
  FLATVM_RETURN_IF_ERROR(DetachVolumes(tenant));
  std::vector<VolumeRecord> volumes;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    for (const auto& [id, volume] : entry->volumes) volumes.push_back(volume);
  }
  for (const VolumeRecord& volume : volumes) {
    const absl::Status status =
        volume.state == VolumeState::kDeleting
            ? volumes_.FinishDelete(tenant, volume.id)
            : volumes_.Delete(VolumeOrder{.tenant = tenant, .volume = volume.id}).status();
    if (!status.ok() && status.code() != absl::StatusCode::kNotFound) return status;
    ++*deleted;
  }
  return absl::OkStatus();
}

absl::Status TenantLifecycle::DeleteImages(const std::string& tenant, uint32_t* deleted) {
  std::vector<std::string> ids;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    for (const auto& [id, image] : entry->images) ids.push_back(id);
  }
  for (const std::string& id : ids) {
    const auto image = images_.Remove(RemoveImageOrder{.tenant = tenant, .image = id});
    if (!image.ok() && image.status().code() != absl::StatusCode::kNotFound) {
      return image.status();
    }
    ++*deleted;
  }
  return absl::OkStatus();
}

absl::StatusOr<RemoveTenantResult> TenantLifecycle::Remove(const RemoveTenantOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", order.name));
  RemoveTenantOrder question = order;
  question.mode = Mode::kValidateOnly;
  FLATVM_ASSIGN_OR_RETURN(const TenantRecord found, BeginRemoval(question));
  RemoveTenantResult result;
  if (order.mode == Mode::kValidateOnly) return result;
  // A guest may keep its disks; that is to be known before anything is gone.
  FLATVM_RETURN_IF_ERROR(DetachVolumes(order.name));
  FLATVM_ASSIGN_OR_RETURN(const TenantRecord tenant, BeginRemoval(order));

  if (absl::Status kept = quota_moves_.plug().Unplug(tenant); !kept.ok()) {
    CallOffRemoval(tenant.name, found.state);
    return kept;
  }

  absl::Status status = ports_.records.PutTenant(tenant);
  if (status.ok()) status = DestroySecondaries(order.name, &result.destroyed_vms);
  if (status.ok()) status = DeleteVolumes(order.name, &result.deleted_volumes);
  if (status.ok()) status = DeleteImages(order.name, &result.deleted_images);
  if (status.ok()) status = RemoveEffects(tenant, order.restart, &result.needs_restart);
  EndRemoval(tenant, status.ok());
  if (!status.ok()) return status;
  return result;
}

}  // namespace flatvm::broker
