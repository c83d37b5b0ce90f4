#include <algorithm>
#include <set>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

// All of it, also where secondaries may be carved out of it later: alone it has everything.
absl::Status CheckPrimaryFits(const TenantRecord& tenant, const Settings& settings) {
  TenantRecord uncarved = tenant;
  uncarved.carve = Carve{};
  const Resources cost = BaseCost(uncarved, settings);
  const bool fits =
      cost.memory_mib <= tenant.limits.memory_mib && cost.vcpus <= tenant.limits.vcpus;
  if (fits) return absl::OkStatus();
  const bool memory = cost.memory_mib > tenant.limits.memory_mib;
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition,
      base::ErrorInfo{.reason = base::Reason::kPrimaryTooLarge,
                      .field = memory ? "limits.memory_mib" : "limits.vcpus"},
      memory ? base::StrCat("the primary needs ", cost.memory_mib, " MiB with overheads (its own ",
                            tenant.primary_memory_mib, ", the VMM's ", settings.vmm_overhead_mib,
                            ", the front's ", settings.front_overhead_mib,
                            "), but the tenant is to have ", tenant.limits.memory_mib)
             : base::StrCat("the primary has ", cost.vcpus, " vCPUs, but the tenant is to have ",
                            tenant.limits.vcpus));
}

// The first error of several steps that are all tried. One of an operator's bridge makes way for
// another: its network is remembered, and held when the bridge comes.
void Keep(absl::Status* first, const absl::Status& status) {
  const bool bridge = base::GetErrorInfo(*first).reason == base::Reason::kBridgeUnusable;
  if (first->ok() || (bridge && !status.ok())) *first = status;
}

}  // namespace

absl::Status TenantLifecycle::TakeSubnet(const network::Ipv4Subnet& subnet) {
  const std::lock_guard lock(subnets_mutex_);
  return subnets_.Take(subnet);
}

absl::Status TenantLifecycle::ReserveSubnet(network::Ipv4Subnet* subnet,
                                            std::optional<network::Ipv6Prefix>* prefix) {
  const std::lock_guard lock(subnets_mutex_);
  FLATVM_ASSIGN_OR_RETURN(*subnet, subnets_.Allocate());
  *prefix = subnets_.PrefixOf(*subnet);
  return absl::OkStatus();
}

absl::Status TenantLifecycle::CheckSubnetLeft() {
  const std::lock_guard lock(subnets_mutex_);
  return subnets_.FindFree().status();
}

void TenantLifecycle::ReleaseSubnet(const network::Ipv4Subnet& subnet) {
  const std::lock_guard lock(subnets_mutex_);
  subnets_.Remove(subnet);
}

absl::Status TenantLifecycle::EnsureEffects(const TenantRecord& tenant,
                                            const std::vector<network::NetworkSpec>& networks) {
  absl::Status first = ports_.storage.EnsureTenant(tenant.name);
  Keep(&first, ports_.cgroups.EnsureSlice(tenant.name, SliceLimitsOf(tenant)));
  // In any case: machines of a network that nobody has asked for since the start are shut off.
  for (const network::NetworkSpec& network : networks) {
    Keep(&first, ports_.networks.EnsureNetwork(network));
  }
  return first;
}

// One create, from reservation to commit.
class TenantLifecycle::Creation {
 public:
  Creation(TenantLifecycle& owner, const CreateTenantOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(owner.ports_.log,
                  base::LogFields{
                      .request = order.request_id, .tenant = order.name, .op = "create-tenant"}) {}

  absl::StatusOr<CreateTenantResult> Run() {
    FLATVM_RETURN_IF_ERROR(InspectPrimary());
    FLATVM_RETURN_IF_ERROR(Reserve());
    if (order_.mode == Mode::kValidateOnly) return Result();

    rollback_.Push("record", [this] { return owner_.ports_.records.RemoveTenant(tenant_.name); });
    rollback_.Push("storage", [this] { return owner_.ports_.storage.RemoveTenant(tenant_.name); });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.storage.EnsureTenant(tenant_.name));
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutTenant(tenant_));
    rollback_.Push("slice", [this] { return owner_.RemoveSliceUnlessOccupied(tenant_.name); });
    rollback_.Push("network", [this] {
      return owner_.ports_.networks.RemoveNetwork(NetworkSpecOf(tenant_, {}));
    });
    FLATVM_RETURN_IF_ERROR(
        owner_.EnsureEffects(tenant_, {NetworkSpecOf(tenant_, {PrimaryLease(tenant_)})}));
    rollback_.Push("primary's definition",
                   [this] { return owner_.ports_.hypervisor.DetachPrimary(tenant_.undo); });
    FLATVM_ASSIGN_OR_RETURN(tenant_.undo, owner_.ports_.hypervisor.AttachPrimary(
                                              tenant_.primary_uuid, AttachmentOf(tenant_)));
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutTenant(tenant_));
    FLATVM_RETURN_IF_ERROR(MakeQuotaDisk());
    rollback_.Push("gate", [this] { return owner_.ports_.gate.CloseTenant(tenant_.name); });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.gate.OpenTenant(tenant_.name));
    FLATVM_RETURN_IF_ERROR(Restart());
    FLATVM_RETURN_IF_ERROR(Commit());
    rollback_.Release();
    return Result();
  }

 private:
  absl::Status InspectPrimary() {
    FLATVM_ASSIGN_OR_RETURN(primary_, owner_.ports_.hypervisor.GetPrimary(order_.primary));
    if (primary_.persistent) return absl::OkStatus();
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kPrimaryNotDefined, .field = "primary"},
        base::StrCat("domain \"", primary_.name,
                     "\" is transient; a primary needs a persistent definition (virsh define)"));
  }

  // Takes subnet, CID and address; the tenant's entry in the registry holds the name and the
  // primary.
  absl::Status Reserve() {
    tenant_.name = order_.name;
    tenant_.limits = order_.limits;
    tenant_.primary_uuid = primary_.uuid;
    tenant_.primary_domain = primary_.name;
    tenant_.primary_memory_mib = primary_.memory_mib;
    tenant_.primary_vcpus = primary_.vcpus;
    tenant_.created_at = owner_.ports_.clock.Now();
    tenant_.request_id = order_.request_id;
    tenant_.io = order_.io;
    FLATVM_ASSIGN_OR_RETURN(tenant_.cpus, ValidateCpus(order_.cpus, owner_.settings_.host_cpus));
    tenant_.carve = order_.carve;
    tenant_.quota_disk_mib = order_.quota_disk_mib;
    tenant_.network_mode = order_.network_mode;
    tenant_.forwards = order_.forwards;
    tenant_.ceilings = order_.ceilings;
    FLATVM_RETURN_IF_ERROR(ValidateCarve(tenant_.carve, primary_.memory_mib));
    FLATVM_RETURN_IF_ERROR(CheckPrimaryFits(tenant_, owner_.settings_));
    FLATVM_RETURN_IF_ERROR(CheckCarvable(primary_, tenant_.carve));
    FLATVM_ASSIGN_OR_RETURN(const std::vector<base::VsockCid> foreign,
                            owner_.ports_.hypervisor.ListUsedCids(KnownDomains()));
    std::set<std::pair<network::Protocol, uint16_t>> host_ports;
    if (!tenant_.forwards.empty()) {
      FLATVM_ASSIGN_OR_RETURN(host_ports, owner_.ports_.networks.ListHostPorts());
    }

    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_RETURN_IF_ERROR(CheckFree(*state));
    const TenantRecord none{.name = order_.name};
    FLATVM_RETURN_IF_ERROR(CheckForwardsFree(*state, none, tenant_.forwards, host_ports));
    if (order_.mode == Mode::kValidateOnly) return owner_.CheckSubnetLeft();
    FLATVM_RETURN_IF_ERROR(owner_.ReserveSubnet(&tenant_.subnet, &tenant_.prefix));
    rollback_.Push("reservation", [this] {
      Forget();
      return absl::OkStatus();
    });
    FLATVM_ASSIGN_OR_RETURN(tenant_.cid, owner_.cids_.Allocate([&](base::VsockCid cid) {
      return state->HasCid(cid) || std::find(foreign.begin(), foreign.end(), cid) != foreign.end();
    }));
    network::AddressPool addresses(tenant_.subnet);
    FLATVM_ASSIGN_OR_RETURN(tenant_.address, addresses.Allocate());
    tenant_.mac = network::MacFor(tenant_.address);
    // Enough to undo the attachment by, on disk before it is made.
    tenant_.undo = hypervisor::PrimaryUndo{.uuid = primary_.uuid,
                                           .before_xml = primary_.definition_xml,
                                           .attachment = AttachmentOf(tenant_)};
    const auto [it, inserted] = state->tenants.emplace(tenant_.name, TenantEntry(tenant_));
    it->second.changing = true;
    return it->second.addresses.Take(tenant_.address);
  }

  std::set<std::string> KnownDomains() { return owner_.registry_.Acquire()->ListDomains(); }

  absl::Status CheckFree(RegistryState& state) {
    if (state.FindTenant(order_.name) != nullptr) {
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kTenantExists, .field = "name"},
          base::StrCat("there is a tenant \"", order_.name, "\" already"));
    }
    FLATVM_RETURN_IF_ERROR(CheckCpusFree(state, order_.name, tenant_.cpus));
    if (const TenantEntry* other = state.FindTenantByPrimary(primary_.uuid)) {
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kPrimaryHasTenant, .field = "primary"},
          base::StrCat("domain \"", primary_.name, "\" is the primary of tenant \"",
                       other->record.name, "\""));
    }
    return absl::OkStatus();
  }

  // In the definition before a restart, so that the primary starts with it.
  absl::Status MakeQuotaDisk() {
    if (tenant_.quota_disk_mib == 0) return absl::OkStatus();
    rollback_.Push("quota disk", [this] {
      FLATVM_RETURN_IF_ERROR(owner_.quota_moves_.plug().Unplug(tenant_));
      return owner_.ports_.quota_disks.RemoveQuotaDisk(tenant_.name);
    });
    return owner_.quota_moves_.plug().Ensure(tenant_.name);
  }

  absl::Status Restart() {
    if (order_.restart == PrimaryRestart::kLeaveRunning) return absl::OkStatus();
    if (primary_.running && LacksOf(primary_, AttachmentOf(tenant_)).empty())
      return absl::OkStatus();
    return owner_.ports_.hypervisor.RestartPrimary(tenant_.primary_uuid,
                                                   owner_.settings_.shutdown_timeout_ms);
  }

  absl::Status Commit() {
    FLATVM_ASSIGN_OR_RETURN(primary_, owner_.ports_.hypervisor.GetPrimary(tenant_.primary_uuid));
    tenant_.state = TenantState::kReady;
    tenant_.primary_boot_id = primary_.boot_id;
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutTenant(tenant_));
    Registry::Access state = owner_.registry_.Acquire();
    TenantEntry* entry = state->FindTenant(tenant_.name);
    if (entry == nullptr) return base::InternalError("a tenant being created left the registry");
    entry->record = tenant_;
    entry->changing = false;
    return absl::OkStatus();
  }

  void Forget() {
    Registry::Access state = owner_.registry_.Acquire();
    state->tenants.erase(tenant_.name);
    owner_.ReleaseSubnet(tenant_.subnet);
  }

  CreateTenantResult Result() {
    return CreateTenantResult{.tenant = tenant_,
                              .needs_restart = LacksOf(primary_, AttachmentOf(tenant_))};
  }

  TenantLifecycle& owner_;
  const CreateTenantOrder& order_;
  hypervisor::PrimaryInfo primary_;
  TenantRecord tenant_;
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

absl::StatusOr<CreateTenantResult> TenantLifecycle::Create(const CreateTenantOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(base::CheckName("name", order.name));
  FLATVM_RETURN_IF_ERROR(ValidatePrimaryReference(order.primary));
  FLATVM_RETURN_IF_ERROR(ValidateLimits(order.limits));
  FLATVM_RETURN_IF_ERROR(ValidateIo(order.io));
  FLATVM_RETURN_IF_ERROR(ValidateQuotaDisk(order.quota_disk_mib, order.limits));
  FLATVM_RETURN_IF_ERROR(ValidateFirstMode(order.network_mode));
  FLATVM_RETURN_IF_ERROR(ValidateForwards(order.forwards, order.network_mode));
  FLATVM_RETURN_IF_ERROR(ValidateCeilings(order.ceilings));
  FLATVM_RETURN_IF_ERROR(ValidateCpus(order.cpus, settings_.host_cpus).status());
  if (order.mode == Mode::kExecute && !order.request_id.empty()) {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenant(order.name);
    const bool repeated = entry != nullptr && !entry->changing &&
                          entry->record.request_id == order.request_id &&
                          entry->record.limits == order.limits;
    if (repeated) return CreateTenantResult{.tenant = entry->record};
  }
  return Creation(*this, order).Run();
}

}  // namespace flatvm::broker
