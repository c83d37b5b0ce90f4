#include "daemon/broker/update_tenant.h"

#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/current_record.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

template <typename T>
void Replace(const std::optional<T>& from, T* to) {
  if (from.has_value()) *to = *from;
}

TenantRecord Changed(TenantRecord tenant, const UpdateTenantOrder& order) {
  Replace(order.memory_mib, &tenant.limits.memory_mib);
  Replace(order.vcpus, &tenant.limits.vcpus);
  Replace(order.vms, &tenant.limits.vms);
  Replace(order.disk_mib, &tenant.limits.disk_mib);
  Replace(order.io, &tenant.io);
  Replace(order.cpus, &tenant.cpus);
  Replace(order.carve, &tenant.carve);
  Replace(order.network_mode, &tenant.network_mode);
  Replace(order.forwards, &tenant.forwards);
  Replace(order.ceilings.out, &tenant.ceilings.out);
  Replace(order.ceilings.in, &tenant.ceilings.in);
  Replace(order.ceilings.vm_out, &tenant.ceilings.vm_out);
  Replace(order.ceilings.vm_in, &tenant.ceilings.vm_in);
  return tenant;
}

void CopyLimits(const TenantRecord& from, TenantRecord* to) {
  to->limits = from.limits;
  to->io = from.io;
  to->cpus = from.cpus;
  to->carve = from.carve;
  to->network_mode = from.network_mode;
  to->forwards = from.forwards;
  to->ceilings = from.ceilings;
}

network::NetworkRules RulesOf(const TenantRecord& tenant) {
  return {.forwards = tenant.forwards, .ceilings = tenant.ceilings};
}

absl::Status InUse(const std::vector<Excess>& excess) {
  std::string list;
  for (const Excess& item : excess) {
    list += base::StrCat(list.empty() ? "" : ", ", item.limit, " ", item.limit_value, " (",
                         item.used, " in use)");
  }
  const Excess& first = excess.front();
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition,
      base::ErrorInfo{.reason = base::Reason::kTenantLimitsInUse,
                      .field = base::StrCat("limits.", first.limit),
                      .limit = first.limit,
                      .limit_value = first.limit_value,
                      .used = first.used},
      base::StrCat("less than is in use: ", list, "; destroy secondaries first, or add --force"));
}

}  // namespace

// One update, from decision to commit.
class TenantUpdates::Change {
 public:
  Change(TenantUpdates& owner, const UpdateTenantOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(owner.ports_.log,
                  base::LogFields{
                      .request = order.request_id, .tenant = order.name, .op = "update-tenant"}) {}

  absl::StatusOr<UpdateTenantResult> Run() {
    FLATVM_RETURN_IF_ERROR(InspectPrimary());
    FLATVM_RETURN_IF_ERROR(Decide());
    if (order_.mode == Mode::kValidateOnly) return result_;
    FLATVM_RETURN_IF_ERROR(ShrinkPrimary());
    FLATVM_RETURN_IF_ERROR(ReleasePrimary());
    FLATVM_RETURN_IF_ERROR(PutRecord());
    rollback_.Push("slice", [this] { return EnsureSlice(before_); });
    FLATVM_RETURN_IF_ERROR(EnsureSlice(result_.tenant));
    FLATVM_RETURN_IF_ERROR(ChangeNetwork());
    rollback_.Release();
    EndWith(result_.tenant);
    LogFailure(owner_.carver_.Adjust(order_.name));
    return result_;
  }

 private:
  // What libvirt must be asked is asked before the registry is locked.
  absl::Status InspectPrimary() {
    if (order_.forwards.has_value() && !order_.forwards->empty()) {
      FLATVM_ASSIGN_OR_RETURN(host_ports_, owner_.ports_.networks.ListHostPorts());
    }
    if (!order_.carve.has_value() && !order_.network_mode.has_value()) return absl::OkStatus();
    std::string uuid;
    {
      Registry::Access state = owner_.registry_.Acquire();
      FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetReadyTenant(order_.name));
      uuid = entry->record.primary_uuid;
    }
    FLATVM_ASSIGN_OR_RETURN(primary_, owner_.ports_.hypervisor.GetPrimary(uuid));
    return order_.carve.has_value() ? CheckCarvable(primary_, *order_.carve) : absl::OkStatus();
  }

  absl::Status Decide() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state->GetReadyTenant(order_.name));
    if (entry->updating) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "another change of this tenant is under way; try again later");
    }
    before_ = entry->record;
    locks_ = entry->locks;
    TenantRecord& after = result_.tenant;
    after = Changed(before_, order_);
    FLATVM_RETURN_IF_ERROR(ValidateLimits(after.limits));
    FLATVM_RETURN_IF_ERROR(ValidateCarve(after.carve, after.primary_memory_mib));
    FLATVM_ASSIGN_OR_RETURN(after.cpus, ValidateCpus(after.cpus, owner_.settings_.host_cpus));
    FLATVM_RETURN_IF_ERROR(CheckCpusFree(*state, order_.name, after.cpus));
    FLATVM_RETURN_IF_ERROR(ValidateFirstMode(after.network_mode));
    FLATVM_RETURN_IF_ERROR(ValidateForwards(after.forwards, after.network_mode));
    FLATVM_RETURN_IF_ERROR(ValidateCeilings(after.ceilings));
    FLATVM_RETURN_IF_ERROR(CheckForwardsFree(*state, before_, after.forwards, host_ports_));
    const bool other_network = after.network_mode != before_.network_mode;
    if (other_network) FLATVM_RETURN_IF_ERROR(CheckNetworkFree(*entry, primary_));
    result_.used = UsedBy(after, entry->vms, entry->volumes, entry->images, owner_.settings_);
    result_.left = LeftOf(after.limits, result_.used);
    result_.grant = GrantOf(after, after.limits, entry->vms, owner_.settings_);
    result_.excess = ExcessOf(after.limits, result_.used);
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();
    if (!result_.excess.empty() && order_.overuse == Overuse::kRefuse) return InUse(result_.excess);

    // The record is the new one from here on, but no more is given out than both allow.
    entry->updating = true;
    entry->remaking_network = other_network;
    entry->ceiling = LesserOf(before_.limits, after.limits);
    CopyLimits(after, &entry->record);
    rollback_.Push("limits", [this] {
      EndWith(before_);
      LogFailure(owner_.carver_.Adjust(order_.name));
      return PutRecord();
    });
    return absl::OkStatus();
  }

  // Before the kernel's limits fall the primary gives up what it will not have.
  absl::Status ShrinkPrimary() {
    const Resources& after = result_.tenant.limits;
    const bool falls =
        after.memory_mib < before_.limits.memory_mib || after.vcpus < before_.limits.vcpus;
    if (!falls) return absl::OkStatus();
    const absl::Status status = owner_.carver_.Take(order_.name);
    const bool off = base::GetErrorInfo(status).reason == base::Reason::kPrimaryNotRunning;
    return off || order_.overuse == Overuse::kForce ? absl::OkStatus() : status;
  }

  // Who is carved no more has all that it was started with.
  absl::Status ReleasePrimary() {
    const bool released = before_.carve.mode == CarveMode::kBalloon &&
                          result_.tenant.carve.mode == CarveMode::kReserved;
    return released ? owner_.carver_.Release(result_.tenant) : absl::OkStatus();
  }

  absl::Status PutRecord() {
    return PutCurrentRecord(owner_.ports_, owner_.registry_, order_.name);
  }

  absl::Status EnsureSlice(const TenantRecord& tenant) {
    const std::lock_guard lock(locks_->slice);
    return owner_.ports_.cgroups.EnsureSlice(tenant.name, SliceLimitsOf(tenant));
  }

  absl::Status ChangeNetwork() {
    const TenantRecord& after = result_.tenant;
    if (after.network_mode != before_.network_mode) {
      // There is no secondary on it, and no other begins to be.
      rollback_.Push("network", [this] { return EnsureNetwork(before_); });
      FLATVM_RETURN_IF_ERROR(EnsureNetwork(after));
    }
    if (RulesOf(after) == RulesOf(before_)) return absl::OkStatus();
    rollback_.Push("networks' rules", [this] { return SetRules(before_); });
    return SetRules(after);
  }

  absl::Status SetRules(const TenantRecord& tenant) {
    network::TenantNetworks& networks = owner_.ports_.networks;
    FLATVM_RETURN_IF_ERROR(networks.SetRules({tenant.name}, tenant.subnet, RulesOf(tenant)));
    for (const NetworkRecord& network : tenant.networks) {
      FLATVM_RETURN_IF_ERROR(networks.SetRules({tenant.name, network.name}, network.subnet,
                                               {.ceilings = tenant.ceilings}));
    }
    return absl::OkStatus();
  }

  absl::Status EnsureNetwork(const TenantRecord& tenant) {
    return owner_.ports_.networks.EnsureNetwork(NetworkSpecOf(tenant, {PrimaryLease(tenant)}));
  }

  void EndWith(const TenantRecord& limits) {
    {
      Registry::Access state = owner_.registry_.Acquire();
      if (TenantEntry* entry = state->FindTenant(order_.name); entry != nullptr) {
        CopyLimits(limits, &entry->record);
        entry->ceiling.reset();
        entry->updating = false;
        entry->remaking_network = false;
      }
    }
    owner_.registry_.NotifyChanged();
  }

  // Of what the reconciler does again.
  void LogFailure(const absl::Status& status) {
    if (status.ok()) return;
    owner_.ports_.log.Log(base::LogLevel::kWarning,
                          base::StrCat("setting a primary's share failed, to be tried again: ",
                                       base::Message(status)),
                          base::LogFields{.request = order_.request_id, .tenant = order_.name});
  }

  TenantUpdates& owner_;
  const UpdateTenantOrder& order_;
  std::shared_ptr<TenantLocks> locks_;
  hypervisor::PrimaryInfo primary_;                              // if it matters
  std::set<std::pair<network::Protocol, uint16_t>> host_ports_;  // likewise
  TenantRecord before_;
  UpdateTenantResult result_;
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

absl::StatusOr<UpdateTenantResult> TenantUpdates::Update(const UpdateTenantOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", order.name));
  if (order.io.has_value()) FLATVM_RETURN_IF_ERROR(ValidateIo(*order.io));
  return Change(*this, order).Run();
}

}  // namespace flatvm::broker
