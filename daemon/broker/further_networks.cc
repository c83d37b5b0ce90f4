#include "daemon/broker/further_networks.h"

#include <algorithm>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/current_record.h"
#include "daemon/broker/tenant_plan.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

absl::Status AtLimit() {
  constexpr uint32_t kMax = kMaxFurtherNetworks;
  return base::MakeError(
      absl::StatusCode::kResourceExhausted,
      base::ErrorInfo{.reason = base::Reason::kTenantNetworkLimit,
                      .limit = "networks",
                      .limit_value = kMax,
                      .asked = 1,
                      .used = kMax,
                      .left = 0},
      base::StrCat("the tenant has all ", kMax, " networks that it may have beside its first"));
}

NetworkRecord RecordOf(const AddNetworkOrder& order) {
  return {.name = order.name,
          .mode = order.network_mode,
          .request_id = order.request_id,
          .bridge = order.bridge,
          .vlan = order.vlan};
}

void EraseNetwork(TenantEntry& tenant, const std::string& name) {
  std::erase_if(tenant.record.networks,
                [&](const NetworkRecord& network) { return network.name == name; });
}

}  // namespace

absl::StatusOr<TenantEntry*> FurtherNetworks::GetSettledTenant(RegistryState& state,
                                                               const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state.GetReadyTenant(tenant));
  if (!entry->updating) return entry;
  return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                         "another change of this tenant is under way; try again later");
}

void FurtherNetworks::End(const std::string& tenant) {
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* entry = state->FindTenant(tenant); entry != nullptr) {
      entry->updating = false;
      entry->changing_network.clear();
    }
  }
  registry_.NotifyChanged();
}

// One add, from reservation to commit.
class FurtherNetworks::Addition {
 public:
  Addition(FurtherNetworks& owner, const AddNetworkOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(owner.ports_.log,
                  base::LogFields{
                      .request = order.request_id, .tenant = order.tenant, .op = "add-network"}) {}

  absl::StatusOr<NetworkRecord> Run() {
    FLATVM_RETURN_IF_ERROR(Reserve());
    if (repeated_) return network_;
    if (order_.mode == Mode::kValidateOnly) {
      FLATVM_RETURN_IF_ERROR(owner_.ports_.networks.CheckBridge(spec_));
      return network_;
    }
    FLATVM_RETURN_IF_ERROR(PutRecord());
    rollback_.Push("network", [this] {
      const absl::Status status = owner_.ports_.networks.RemoveNetwork(spec_);
      undone_ = status.ok();
      return status;
    });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.networks.EnsureNetwork(spec_));
    rollback_.Release();
    owner_.End(order_.tenant);
    return network_;
  }

 private:
  // Decides under the lock; the network in the tenant's record is the reservation.
  absl::Status Reserve() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, GetSettledTenant(*state, order_.tenant));
    if (const NetworkRecord* found = tenant->FindNetwork(order_.name); found != nullptr) {
      repeated_ = order_.mode == Mode::kExecute && !order_.request_id.empty() &&
                  *found == Asked(found->subnet, found->prefix);
      network_ = *found;
      if (repeated_) return absl::OkStatus();
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kNetworkNameTaken, .field = "name"},
          base::StrCat("tenant \"", order_.tenant, "\" has a network \"", order_.name,
                       "\" already; to have it made anew, remove it first (flatvmctl tenant "
                       "network remove)"));
    }
    if (tenant->record.networks.size() >= kMaxFurtherNetworks) return AtLimit();
    network_ = RecordOf(order_);
    if (order_.mode == Mode::kValidateOnly) return Preview(*tenant);
    if (network_.mode != network::NetworkMode::kBridge) {
      FLATVM_RETURN_IF_ERROR(owner_.tenants_.ReserveSubnet(&network_.subnet, &network_.prefix));
    }
    spec_ = NetworkSpecOf(tenant->record, network_, {});
    tenant->record.networks.push_back(network_);
    tenant->updating = true;
    tenant->changing_network = network_.name;
    rollback_.Push("reservation", [this] { return Forget(); });
    return absl::OkStatus();
  }

  absl::Status Preview(const TenantEntry& tenant) {
    spec_ = NetworkSpecOf(tenant.record, network_, {});
    const bool bridged = network_.mode == network::NetworkMode::kBridge;
    return bridged ? absl::OkStatus() : owner_.tenants_.CheckSubnetLeft();
  }

  // What the order comes to, with the subnet that it was given.
  NetworkRecord Asked(const network::Ipv4Subnet& subnet,
                      const std::optional<network::Ipv6Prefix>& prefix) const {
    NetworkRecord record = RecordOf(order_);
    record.subnet = subnet;
    record.prefix = prefix;
    return record;
  }

  absl::Status PutRecord() {
    return PutCurrentRecord(owner_.ports_, owner_.registry_, order_.tenant);
  }

  // The last undo: only now may another network have its name and its subnet. One that may still be
  // there, or on record, keeps both, but no repeated request is answered with it.
  absl::Status Forget() {
    NetworkRecord left = network_;
    left.request_id.clear();
    undone_ ? ReplaceWith({}) : ReplaceWith({left});
    const absl::Status written = PutRecord();
    if (undone_ && written.ok()) owner_.tenants_.ReleaseSubnet(network_.subnet);
    if (undone_ && !written.ok()) ReplaceWith({left});
    owner_.End(order_.tenant);
    return written;
  }

  // In the registry.
  void ReplaceWith(const std::vector<NetworkRecord>& left) {
    Registry::Access state = owner_.registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(order_.tenant);
    if (tenant == nullptr) return;
    EraseNetwork(*tenant, network_.name);
    std::vector<NetworkRecord>& networks = tenant->record.networks;
    networks.insert(networks.end(), left.begin(), left.end());
  }

  FurtherNetworks& owner_;
  const AddNetworkOrder& order_;
  NetworkRecord network_;
  network::NetworkSpec spec_;
  bool repeated_ = false;
  bool undone_ = true;
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

// One removal.
class FurtherNetworks::Removal {
 public:
  Removal(FurtherNetworks& owner, const RemoveNetworkOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(owner.ports_.log, base::LogFields{.request = order.request_id,
                                                    .tenant = order.tenant,
                                                    .op = "remove-network"}) {}

  absl::Status Run() {
    FLATVM_RETURN_IF_ERROR(Decide());
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();
    rollback_.Push("network", [this] { return owner_.ports_.networks.EnsureNetwork(spec_); });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.networks.RemoveNetwork(spec_));
    rollback_.Push("record", [this] { return PutRecordWith(before_); });
    std::vector<NetworkRecord> rest = before_;
    std::erase_if(rest, [this](const NetworkRecord& one) { return one.name == order_.name; });
    FLATVM_RETURN_IF_ERROR(PutRecordWith(rest));
    rollback_.Release();
    owner_.tenants_.ReleaseSubnet(network_.subnet);
    owner_.End(order_.tenant);
    return absl::OkStatus();
  }

 private:
  // From here on nobody comes to it.
  absl::Status Decide() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, GetSettledTenant(*state, order_.tenant));
    FLATVM_ASSIGN_OR_RETURN(const NetworkRecord* network,
                            RegistryState::GetNetwork(*tenant, "name", order_.name));
    if (const uint32_t count = tenant->CountOn(network->name); count > 0) return InUse(count);
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();
    before_ = tenant->record.networks;
    network_ = *network;
    spec_ = NetworkSpecOf(tenant->record, network_, {});
    tenant->updating = true;
    tenant->changing_network = network->name;
    rollback_.Push("mark", [this] {
      owner_.End(order_.tenant);
      return absl::OkStatus();
    });
    return absl::OkStatus();
  }

  absl::Status InUse(uint32_t count) const {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kNetworkInUse, .field = "name"},
        base::StrCat(count == 1 ? "a secondary has" : base::StrCat(count, " secondaries have"),
                     " a NIC on network \"", order_.name, "\": destroy it first"));
  }

  absl::Status PutRecordWith(const std::vector<NetworkRecord>& networks) {
    {
      Registry::Access state = owner_.registry_.Acquire();
      FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order_.tenant));
      tenant->record.networks = networks;
    }
    return PutCurrentRecord(owner_.ports_, owner_.registry_, order_.tenant);
  }

  FurtherNetworks& owner_;
  const RemoveNetworkOrder& order_;
  std::vector<NetworkRecord> before_;
  NetworkRecord network_;
  network::NetworkSpec spec_;
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

absl::StatusOr<NetworkRecord> FurtherNetworks::Add(const AddNetworkOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateNetwork(RecordOf(order)));
  return Addition(*this, order).Run();
}

absl::Status FurtherNetworks::Remove(const RemoveNetworkOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateNetworkName("name", order.name));
  return Removal(*this, order).Run();
}

}  // namespace flatvm::broker
