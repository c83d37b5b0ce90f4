#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/in_flight_mark.h"
#include "daemon/broker/request_claim.h"
#include "daemon/broker/validation.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/broker/vm_places.h"

namespace flatvm::broker {
namespace {

// OK or the first error of several steps that are all tried.
void Keep(absl::Status* first, const absl::Status& status) {
  if (first->ok()) *first = status;
}

// The volume that was made for it; nullopt: it has none any more, or that is on its way back.
std::optional<VolumeRecord> FindReadyVolume(Registry& registry, const VmRecord& vm) {
  Registry::Access state = registry.Acquire();
  const TenantEntry* tenant = state->FindTenant(vm.tenant);
  if (tenant == nullptr) return std::nullopt;
  const auto found = tenant->volumes.find(vm.own_volume);
  if (found == tenant->volumes.end() || found->second.state != VolumeState::kReady) {
    return std::nullopt;
  }
  return found->second;
}

absl::Status NothingToReturn(const VmRecord& vm) {
  const std::string volume = vm.spec.volume.empty() ? "; it was made from an image of the catalog"
                                                    : base::StrCat("; volume \"", vm.spec.volume,
                                                                   "\" stays when it is destroyed");
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kNotFromQuotaDisk,
      base::StrCat("secondary \"", vm.spec.name,
                   "\" has no disk that was made for it of an image on the quota disk", volume));
}

}  // namespace

absl::Status VmLifecycle::RemoveEffects(const VmRecord& vm) {
  absl::Status first;
  Keep(&first, ports_.hypervisor.RemoveDomain(vm.id));
  // Files of a domain that may still run stay: it would go on writing to them.
  if (!first.ok()) return first;
  for (const Place& place : PlacesOf(vm)) {
    Keep(&first, ports_.networks.RemoveLease(place.network, place.lease));
  }
  Keep(&first, ports_.storage.RemoveVmFiles(vm.tenant, vm.id));
  return first;
}

absl::StatusOr<VmRecord> VmLifecycle::Destroy(const DestroyVmOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateVmReference(order.vm));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<RequestClaim> claim,
                          RequestClaim::Take(registry_, order.tenant, order.request_id,
                                             ports_.clock.Steady() + settings_.create_timeout));
  VmRecord vm;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.tenant));
    if (const auto* earlier =
            tenant->finished_destroys.Find(order.request_id, ports_.clock.Steady())) {
      if (earlier->reference == order.vm) return earlier->record;
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kRequestIdReused, .field = "request_id"},
          "this request id has destroyed another secondary");
    }
    FLATVM_ASSIGN_OR_RETURN(VmRecord * found, RegistryState::GetVm(*tenant, order.vm));
    // While networks are made with those who are on record, it would be put back.
    if (tenant->in_flight.contains(found->id) || tenant->remaking_network) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "another change of this secondary is under way; try again later");
    }
    vm = *found;
    if (order.fate == DiskFate::kReturn && vm.own_volume.empty()) return NothingToReturn(vm);
    if (order.mode == Mode::kValidateOnly) return vm;
    tenant->in_flight.insert(vm.id);
  }
  const InFlightMark mark(registry_, order.tenant, vm.id);
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<QuotaTurn> turn, PrepareReturn(order, vm));
  FLATVM_RETURN_IF_ERROR(PutIntent(order, vm));
  ports_.steps.Pass("destroy.intent");
  FLATVM_RETURN_IF_ERROR(RemoveEffects(vm));
  ports_.steps.Pass("destroy.stopped");
  FLATVM_RETURN_IF_ERROR(RemoveOwnVolume(order, vm, turn.get()));
  ports_.steps.Pass("destroy.disk");
  FLATVM_RETURN_IF_ERROR(ports_.records.RemoveVm(vm.tenant, vm.id));
  ports_.steps.Pass("destroy.forgotten");

  Forget(order, vm);
  GiveBack(order.tenant);
  return vm;
}

absl::Status VmLifecycle::PutIntent(const DestroyVmOrder& order, const VmRecord& vm) {
  VmRecord intent = vm;
  intent.state = VmState::kDestroying;
  intent.return_disk = order.fate == DiskFate::kReturn;
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(order.tenant); tenant != nullptr) {
      tenant->vms.insert_or_assign(vm.id, intent);
    }
  }
  return ports_.records.PutVm(intent);
}

absl::StatusOr<std::unique_ptr<QuotaTurn>> VmLifecycle::PrepareReturn(const DestroyVmOrder& order,
                                                                      const VmRecord& vm) {
  if (order.fate != DiskFate::kReturn) return nullptr;
  if (!FindReadyVolume(registry_, vm).has_value()) return nullptr;
  FLATVM_ASSIGN_OR_RETURN(std::unique_ptr<QuotaTurn> turn,
                          quota_moves_.plug().TakeTurn(order.tenant));
  const std::optional<VolumeRecord> volume = FindReadyVolume(registry_, vm);
  if (!volume.has_value()) return nullptr;
  FLATVM_RETURN_IF_ERROR(quota_moves_.returns().Check(*volume, *turn));
  return turn;
}

absl::Status VmLifecycle::RemoveOwnVolume(const DestroyVmOrder& order, const VmRecord& vm,
                                          QuotaTurn* turn) {
  if (vm.own_volume.empty()) return absl::OkStatus();
  if (order.fate == DiskFate::kDelete) return volumes_.DeleteOwn(vm);
  // It was decided that it goes back, or it has gone.
  if (turn == nullptr) return quota_moves_.returns().FinishReturn(vm.tenant, vm.own_volume);
  const std::optional<VolumeRecord> volume = FindReadyVolume(registry_, vm);
  if (!volume.has_value()) return absl::OkStatus();
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(vm.tenant); tenant != nullptr) {
      tenant->in_flight.insert(volume->id);
    }
  }
  const InFlightMark mark(registry_, vm.tenant, volume->id);
  return base::WithNote(
      quota_moves_.returns().Return(*volume, order.request_id, *turn),
      base::StrCat("secondary \"", vm.spec.name,
                   "\" is stopped and its disk is whole: destroy it again, with its return when "
                   "what was in the way is gone, or without"));
}

absl::Status VmLifecycle::FinishDestroy(const std::string& tenant_name, const std::string& id) {
  VmRecord vm;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr) return absl::OkStatus();
    const auto found = tenant->vms.find(id);
    if (found == tenant->vms.end() || found->second.state != VmState::kDestroying ||
        tenant->in_flight.contains(id)) {
      return absl::OkStatus();
    }
    vm = found->second;
  }
  if (!vm.return_disk || !FindReadyVolume(registry_, vm).has_value()) {
    return Destroy({.tenant = tenant_name,
                    .vm = id,
                    .fate = vm.return_disk ? DiskFate::kReturn : DiskFate::kDelete})
        .status();
  }
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr || !tenant->in_flight.insert(id).second) return absl::OkStatus();
  }
  const InFlightMark mark(registry_, tenant_name, id);
  return RemoveEffects(vm);
}

// From here on another secondary may have its name, its address and its budget.
void VmLifecycle::Forget(const DestroyVmOrder& order, const VmRecord& vm) {
  Registry::Access state = registry_.Acquire();
  TenantEntry* tenant = state->FindTenant(order.tenant);
  if (tenant == nullptr) return;
  GivePlacesBack(*tenant, vm);
  tenant->vms.erase(vm.id);
  tenant->finished_destroys.Remember({.request_id = order.request_id,
                                      .reference = order.vm,
                                      .record = vm,
                                      .finished = ports_.clock.Steady()});
}

void VmLifecycle::GiveBack(const std::string& tenant) {
  const absl::Status status = carver_.Adjust(tenant);
  if (status.ok()) return;
  ports_.log.Log(base::LogLevel::kWarning,
                 base::StrCat("giving a primary its share back failed, to be tried again: ",
                              base::Message(status)),
                 base::LogFields{.tenant = tenant});
}

}  // namespace flatvm::broker
