#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/request_claim.h"
#include "daemon/broker/validation.h"
#include "daemon/broker/vm_lifecycle.h"

namespace flatvm::broker {
namespace {

// Marks a secondary as changing and gives the mark back when it goes.
class InFlightMark {
 public:
  InFlightMark(Registry& registry, std::string tenant, std::string vm_id)
      : registry_(registry), tenant_(std::move(tenant)), vm_id_(std::move(vm_id)) {}
  InFlightMark(const InFlightMark&) = delete;
  InFlightMark& operator=(const InFlightMark&) = delete;
  ~InFlightMark() {
    {
      Registry::Access state = registry_.Acquire();
      if (TenantEntry* tenant = state->FindTenant(tenant_); tenant != nullptr) {
        tenant->in_flight.erase(vm_id_);
      }
    }
    registry_.NotifyChanged();
  }

 private:
  Registry& registry_;
  const std::string tenant_;
  const std::string vm_id_;
};

// OK or the first error of several steps that are all tried.
void Keep(absl::Status* first, const absl::Status& status) {
  if (first->ok()) *first = status;
}

}  // namespace

absl::Status VmLifecycle::RemoveEffects(const VmRecord& vm) {
  absl::Status first;
  Keep(&first, ports_.hypervisor.RemoveDomain(vm.id));
  // Files of a domain that may still run stay: it would go on writing to them.
  if (!first.ok()) return first;
  const network::Lease lease{.hostname = vm.spec.name, .mac = vm.mac, .address = vm.address};
  Keep(&first, ports_.networks.RemoveLease(vm.tenant, lease));
  Keep(&first, ports_.storage.RemoveVmFiles(vm.tenant, vm.id));
  if (first.ok()) Keep(&first, ports_.records.RemoveVm(vm.tenant, vm.id));
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
      if (earlier->reference == order.vm) return earlier->vm;
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kRequestIdReused, .field = "request_id"},
          "this request id has destroyed another secondary");
    }
    FLATVM_ASSIGN_OR_RETURN(VmRecord * found, RegistryState::GetVm(*tenant, order.vm));
    if (tenant->in_flight.contains(found->id)) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "another change of this secondary is under way; try again later");
    }
    vm = *found;
    if (order.mode == Mode::kValidateOnly) return vm;
    tenant->in_flight.insert(vm.id);
    found->state = VmState::kDestroying;
  }
  const InFlightMark mark(registry_, order.tenant, vm.id);

  VmRecord intent = vm;
  intent.state = VmState::kDestroying;
  FLATVM_RETURN_IF_ERROR(ports_.records.PutVm(intent));
  FLATVM_RETURN_IF_ERROR(RemoveEffects(vm));

  Forget(order, vm);
  GiveBack(order.tenant);
  return vm;
}

// From here on another secondary may have its name, its address and its budget.
void VmLifecycle::Forget(const DestroyVmOrder& order, const VmRecord& vm) {
  Registry::Access state = registry_.Acquire();
  TenantEntry* tenant = state->FindTenant(order.tenant);
  if (tenant == nullptr) return;
  tenant->addresses.Remove(vm.address);
  tenant->vms.erase(vm.id);
  tenant->finished_destroys.Remember(RequestMemory::Outcome{.request_id = order.request_id,
                                                            .reference = order.vm,
                                                            .vm = vm,
                                                            .finished = ports_.clock.Steady()});
}

}  // namespace flatvm::broker
