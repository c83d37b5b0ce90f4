#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/own_disk.h"
#include "daemon/broker/own_image.h"
#include "daemon/broker/request_claim.h"
#include "daemon/broker/stage_timer.h"
#include "daemon/broker/validation.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/broker/vm_places.h"
#include "daemon/broker/vm_plan.h"

namespace flatvm::broker {

// One create, from admission to commit.
class VmLifecycle::Creation {
 public:
  // `left`: what a failure could not undo, when this goes; for the caller.
  Creation(VmLifecycle& owner, const CreateVmOrder& order, std::string* left)
      : owner_(owner),
        order_(order),
        left_(left),
        timer_(owner.ports_.clock, owner.settings_.create_timeout),
        rollback_(
            owner.ports_.log,
            base::LogFields{.request = order.request_id, .tenant = order.tenant, .op = "create"}) {
    if (order.spec.quota_path.empty()) return;
    own_disk_.emplace(owner.quota_moves_, owner.registry_, order.tenant, order.request_id,
                      order.spec);
  }

  absl::StatusOr<VmRecord> Run() {
    if (!order_.spec.image.empty()) {
      FLATVM_ASSIGN_OR_RETURN(
          image_, ChooseImage(owner_.registry_, owner_.ports_, order_.tenant, order_.spec.image));
      vm_.image_id = image_.id;
    }
    FLATVM_ASSIGN_OR_RETURN(vm_.spec, GrantSpec(order_.spec, image_.image));
    FLATVM_RETURN_IF_ERROR(Reserve());
    if (order_.mode == Mode::kValidateOnly) return vm_;
    FLATVM_RETURN_IF_ERROR(timer_.EndStage("admit"));

    // The intent is on disk before the first effect; from here on RemoveEffects undoes it all.
    rollback_.Push("record", [this] { return RemoveRecord(); });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutVm(vm_));
    owner_.ports_.steps.Pass("create.intent");
    if (carve_ == CarveMode::kBalloon) {
      FLATVM_RETURN_IF_ERROR(owner_.carver_.Take(vm_.tenant));
      FLATVM_RETURN_IF_ERROR(timer_.EndStage("carve"));
    }
    FLATVM_RETURN_IF_ERROR(AddLeases());
    FLATVM_RETURN_IF_ERROR(timer_.EndStage("address"));
    if (own_disk_.has_value()) FLATVM_RETURN_IF_ERROR(TakeDiskOut());
    FLATVM_RETURN_IF_ERROR(CreateFiles());
    FLATVM_RETURN_IF_ERROR(timer_.EndStage("disk"));
    FLATVM_RETURN_IF_ERROR(StartDomain());
    FLATVM_RETURN_IF_ERROR(timer_.EndStage("domain"));
    owner_.ports_.steps.Pass("create.domain");
    FLATVM_RETURN_IF_ERROR(Commit());
    rollback_.Release();
    owner_.ports_.steps.Pass("create.committed");
    if (own_disk_.has_value()) own_disk_->PlugIn();
    return vm_;
  }

 private:
  // Decides under the lock; the record put into the registry is the reservation.
  absl::Status Reserve() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order_.tenant));
    if (tenant->remaking_network) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "the tenant's network is being made anew; try again later");
    }
    if (tenant->FindVm(order_.spec.name) != nullptr) {
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kVmNameTaken, .field = "spec.name"},
          base::StrCat("there is a secondary \"", order_.spec.name, "\" already"));
    }
    if (own_disk_.has_value()) {
      FLATVM_ASSIGN_OR_RETURN(const bool left, own_disk_->FindLeft(*tenant));
      if (left) vm_.spec.volume = vm_.spec.name;
    }
    // It may have gone since; once this record is there it stays.
    if (!vm_.image_id.empty()) FLATVM_RETURN_IF_ERROR(CheckImageReady(*tenant, vm_.image_id));
    FLATVM_ASSIGN_OR_RETURN(volumes_, FindVolumes(*tenant, &vm_.spec));
    // So that nobody else takes it from when it is there.
    if (own_disk_.has_value()) vm_.spec.volume = vm_.spec.name;
    FLATVM_RETURN_IF_ERROR(Admit(
        tenant->Ceiling(),
        UsedBy(tenant->record, tenant->vms, tenant->volumes, tenant->images, owner_.settings_),
        CostOf(vm_.spec, owner_.settings_)));
    FLATVM_ASSIGN_OR_RETURN(networks_, FindNetworks(*tenant, vm_.spec));
    vm_.tenant = order_.tenant;
    vm_.asked = order_.spec;
    vm_.created_at = owner_.ports_.clock.Now();
    vm_.request_id = order_.request_id;
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();

    boot_id_ = tenant->record.primary_boot_id;
    carve_ = tenant->record.carve.mode;
    const auto taken = [&](base::VsockCid other) { return state->HasCid(other); };
    FLATVM_ASSIGN_OR_RETURN(vm_.cid, owner_.cids_.Allocate(taken));
    FLATVM_RETURN_IF_ERROR(TakePlaces(*tenant, networks_, &vm_));
    vm_.id = base::NewUuid();
    tenant->vms.emplace(vm_.id, vm_);
    tenant->in_flight.insert(vm_.id);
    rollback_.Push("reservation", [this] {
      Forget();
      return absl::OkStatus();
    });
    return absl::OkStatus();
  }

  // An effect whose undo may fail; then the record and the reservation stay, for a later destroy or
  // the reconciler.
  void PushEffect(std::string what, std::function<absl::Status()> undo) {
    rollback_.Push(std::move(what), [this, undo = std::move(undo)] {
      const absl::Status status = undo();
      undone_ = undone_ && status.ok();
      return status;
    });
  }

  absl::Status AddLeases() {
    network::TenantNetworks& networks = owner_.ports_.networks;
    for (const Place& place : PlacesOf(vm_)) {
      PushEffect("lease",
                 [&networks, place] { return networks.RemoveLease(place.network, place.lease); });
      FLATVM_RETURN_IF_ERROR(networks.AddLease(place.network, place.lease));
    }
    return absl::OkStatus();
  }

  absl::Status TakeDiskOut() {
    rollback_.Push("own disk", [this] {
      // A domain that may still run would go on writing to it.
      undone_ ? own_disk_->PutBack() : own_disk_->Keep();
      return absl::OkStatus();
    });
    // It ends before the quota disk is plugged in again, and before this goes.
    FLATVM_ASSIGN_OR_RETURN(const VolumeRecord volume, own_disk_->TakeOut());
    timer_.EndOpenStage("move");
    owner_.ports_.steps.Pass("create.disk");
    own_volume_ = volume.id;
    // One that was left by an earlier attempt is among them already, at this place.
    if (volumes_.empty() || volumes_.front().id != volume.id) {
      volumes_.insert(volumes_.begin(), volume);
    }
    return absl::OkStatus();
  }

  absl::Status CreateFiles() {
    PushEffect("files", [this] { return owner_.ports_.storage.RemoveVmFiles(vm_.tenant, vm_.id); });
    FLATVM_ASSIGN_OR_RETURN(files_, owner_.ports_.storage.CreateVmFiles(
                                        vm_.tenant, vm_.id, image_.image, vm_.spec.disk_mib));
    return absl::OkStatus();
  }

  absl::Status StartDomain() {
    PushEffect("domain", [this] { return owner_.ports_.hypervisor.RemoveDomain(vm_.id); });
    FLATVM_ASSIGN_OR_RETURN(
        const uint32_t domain_id,
        owner_.ports_.hypervisor.StartDomain(DomainSpecOf(
            vm_, image_.image, files_, carve_, volumes_, networks_, owner_.ports_.volumes)));
    const absl::Status status = owner_.ports_.cgroups.ExposeToOomKiller(vm_.tenant, domain_id);
    // Its guest may have ended already; the event says so.
    return status.code() == absl::StatusCode::kNotFound ? absl::OkStatus() : status;
  }

  // The primary that asked must still be the one that runs; then the record says so, on disk first.
  absl::Status Commit() {
    {
      Registry::Access state = owner_.registry_.Acquire();
      TenantEntry* tenant = state->FindTenant(order_.tenant);
      if (tenant == nullptr || tenant->record.primary_boot_id != boot_id_) {
        return base::MakeError(absl::StatusCode::kFailedPrecondition,
                               base::Reason::kPrimaryRestarted,
                               "the primary stopped or was restarted while its secondary was made");
      }
    }
    VmRecord running = vm_;
    running.state = VmState::kRunning;
    running.own_volume = own_volume_;
    running.stages = timer_.stages();
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutVm(running));
    FLATVM_RETURN_IF_ERROR(timer_.EndStage("commit"));
    running.stages = timer_.stages();
    vm_ = running;
    {
      Registry::Access state = owner_.registry_.Acquire();
      if (TenantEntry* tenant = state->FindTenant(order_.tenant); tenant != nullptr) {
        // Its guest may be gone already: the event came while the create was in flight.
        if (tenant->vms[vm_.id].state == VmState::kStopped) vm_.state = VmState::kStopped;
        tenant->vms.insert_or_assign(vm_.id, vm_);
        tenant->in_flight.erase(vm_.id);
      }
    }
    owner_.registry_.NotifyChanged();
    return absl::OkStatus();
  }

  absl::Status RemoveRecord() {
    vm_.state = VmState::kDestroying;
    if (!std::exchange(undone_, false)) return owner_.ports_.records.PutVm(vm_);
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.RemoveVm(vm_.tenant, vm_.id));
    undone_ = true;  // else nobody may have its places, which are on record
    return absl::OkStatus();
  }

  // The last undo: only now may another secondary have the name, the address and the budget.
  void Forget() {
    {
      Registry::Access state = owner_.registry_.Acquire();
      if (TenantEntry* tenant = state->FindTenant(order_.tenant); tenant != nullptr) {
        tenant->in_flight.erase(vm_.id);
        if (undone_) {
          tenant->vms.erase(vm_.id);
          GivePlacesBack(*tenant, vm_);
        } else {
          tenant->vms[vm_.id].state = VmState::kDestroying;
        }
      }
    }
    owner_.registry_.NotifyChanged();
    if (carve_ == CarveMode::kBalloon) owner_.GiveBack(vm_.tenant);
    if (own_disk_.has_value()) *left_ = own_disk_->left();
  }

  VmLifecycle& owner_;
  const CreateVmOrder& order_;
  std::string* const left_;
  StageTimer timer_;
  VmImage image_;  // empty: it boots from a volume
  std::vector<VolumeRecord> volumes_;
  std::vector<NetworkRecord> networks_;
  storage::VmFiles files_;
  VmRecord vm_;
  std::string boot_id_;
  CarveMode carve_ = CarveMode::kReserved;
  std::optional<OwnDisk> own_disk_;
  std::string own_volume_;        // id; empty: none
  bool undone_ = true;            // every effect so far was undone, and the record
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

absl::StatusOr<std::unique_ptr<VmRecord>> VmLifecycle::FindEarlierCreate(
    const CreateVmOrder& order) {
  if (order.request_id.empty()) return nullptr;
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order.tenant));
  const auto it = std::find_if(tenant->vms.begin(), tenant->vms.end(), [&](const auto& entry) {
    return entry.second.request_id == order.request_id;
  });
  if (it == tenant->vms.end()) return nullptr;
  const VmRecord& vm = it->second;
  if (vm.asked != order.spec) {
    return base::MakeError(
        absl::StatusCode::kAlreadyExists,
        base::ErrorInfo{.reason = base::Reason::kRequestIdReused, .field = "request_id"},
        "this request id has created a secondary of another spec");
  }
  if (tenant->in_flight.contains(vm.id) || vm.state == VmState::kDestroying) {
    return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                           "the secondary this request made is being destroyed");
  }
  return std::make_unique<VmRecord>(vm);
}

absl::StatusOr<VmRecord> VmLifecycle::Make(const CreateVmOrder& order) {
  std::string left;
  absl::StatusOr<VmRecord> made = Creation(*this, order, &left).Run();
  if (made.ok() || left.empty()) return made;
  return base::WithNote(made.status(), left);
}

absl::StatusOr<VmRecord> VmLifecycle::Create(const CreateVmOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateVmSpec(order.spec));
  if (order.mode == Mode::kValidateOnly) return Make(order);
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<RequestClaim> claim,
                          RequestClaim::Take(registry_, order.tenant, order.request_id,
                                             ports_.clock.Steady() + settings_.create_timeout));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<VmRecord> earlier, FindEarlierCreate(order));
  if (earlier != nullptr) return *earlier;
  return Make(order);
}

}  // namespace flatvm::broker
