// VolumeLifecycle's part for volumes that go with something else: with the secondary that they were
// made for, or back onto the quota disk.
#include <memory>

#include "daemon/base/error.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {

void VolumeLifecycle::Remember(const VolumeOrder& order, const VolumeRecord& volume) {
  Registry::Access state = registry_.Acquire();
  TenantEntry* tenant = state->FindTenant(order.tenant);
  if (tenant == nullptr) return;
  tenant->finished_deletes.Remember({.request_id = order.request_id,
                                     .reference = order.volume,
                                     .record = volume,
                                     .finished = ports_.clock.Steady()});
}

absl::StatusOr<VolumeView> VolumeLifecycle::Return(const VolumeOrder& order,
                                                   const VolumeRecord& volume) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<QuotaTurn> turn,
                          quota_moves_.plug().TakeTurn(order.tenant));
  FLATVM_RETURN_IF_ERROR(quota_moves_.returns().Return(volume, order.request_id, *turn));
  Remember(order, volume);
  FLATVM_RETURN_IF_ERROR(turn->PlugIn());
  return VolumeView{volume, ""};
}

absl::Status VolumeLifecycle::DeleteOwn(const VmRecord& vm) {
  VolumeRecord intent;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(vm.tenant);
    if (tenant == nullptr) return absl::OkStatus();
    const auto found = tenant->volumes.find(vm.own_volume);
    if (found == tenant->volumes.end()) return absl::OkStatus();
    if (tenant->in_flight.contains(vm.own_volume) ||
        found->second.state == VolumeState::kReturning) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "the disk of this secondary is being changed; try again later");
    }
    found->second.state = VolumeState::kDeleting;
    intent = found->second;
  }
  FLATVM_RETURN_IF_ERROR(ports_.records.PutVolume(intent));
  ports_.steps.Pass("delete.intent");
  return FinishDelete(vm.tenant, vm.own_volume);
}

}  // namespace flatvm::broker
