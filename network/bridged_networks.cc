#include "network/bridged_networks.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/network_xml.h"
#include "network/nft_rules.h"

namespace flatvm::network {
namespace {

constexpr uint32_t kMaxVlan = 4094;
constexpr std::string_view kOwnBridges = "fv-";  // as BridgeName has them

absl::Status CheckBridgedLease(const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  if (lease.address == Ipv4Address{}) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldOutOfRange, "address",
                          "must be none: the operator's DHCP server gives them");
}

}  // namespace

absl::Status CheckBridge(const std::string& bridge, uint32_t vlan) {
  FLATVM_RETURN_IF_ERROR(CheckInterfaceName("bridge", bridge));
  // The hypervisor plugs nobody into a bridge of such a name.
  if (bridge.starts_with('-') || bridge.find('@') != bridge.npos) {
    return base::FieldError(base::Reason::kFieldMalformed, "bridge",
                            "must not begin with '-', nor have an '@'");
  }
  if (bridge.starts_with(kOwnBridges)) {
    return base::FieldError(base::Reason::kFieldOutOfRange, "bridge",
                            "must be the operator's own, not a tenant's");
  }
  if (vlan <= kMaxVlan) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldOutOfRange, "vlan",
                          base::StrCat("must be 1..", kMaxVlan, ", or 0 for none, not ", vlan));
}

absl::Status CheckBridgedSpec(const NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(spec.Id()));
  if (spec.mode != NetworkMode::kBridge || spec.Id().IsFirst()) {
    return base::FieldError(base::Reason::kFieldOutOfRange, "mode",
                            "must be bridge, and of a further network");
  }
  FLATVM_RETURN_IF_ERROR(CheckBridge(spec.bridge, spec.vlan));
  std::set<std::string> names_and_macs;  // neither can be taken for the other
  for (const Lease& lease : spec.leases) {
    FLATVM_RETURN_IF_ERROR(CheckBridgedLease(lease));
    if (!names_and_macs.insert(lease.hostname).second || !names_and_macs.insert(lease.mac).second) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "leases",
                              "must not have a host name or MAC address twice");
    }
  }
  return absl::OkStatus();
}

absl::Status BridgedNetworks::EnsureNetwork(const NetworkSpec& spec) {
  if (spec.mode != NetworkMode::kBridge) return others_.EnsureNetwork(spec);
  FLATVM_RETURN_IF_ERROR(CheckBridgedSpec(spec));
  return bridges_.Ensure(spec);
}

absl::Status BridgedNetworks::CheckBridge(const NetworkSpec& spec) {
  if (spec.mode != NetworkMode::kBridge) return others_.CheckBridge(spec);
  FLATVM_RETURN_IF_ERROR(CheckBridgedSpec(spec));
  return bridges_.Check(spec);
}

absl::Status BridgedNetworks::RemoveNetwork(const NetworkSpec& spec) {
  if (spec.mode != NetworkMode::kBridge) return others_.RemoveNetwork(spec);
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(spec.Id()));
  return bridges_.Remove(spec.Id());
}

absl::Status BridgedNetworks::AddLease(const NetworkId& id, const Lease& lease) {
  if (!bridges_.Has(id)) return others_.AddLease(id, lease);
  FLATVM_RETURN_IF_ERROR(CheckBridgedLease(lease));
  return bridges_.AddMachine(id, lease);
}

absl::Status BridgedNetworks::RemoveLease(const NetworkId& id, const Lease& lease) {
  if (!bridges_.Has(id)) return others_.RemoveLease(id, lease);
  FLATVM_RETURN_IF_ERROR(CheckBridgedLease(lease));
  return bridges_.RemoveMachine(id, lease);
}

absl::StatusOr<std::vector<NetworkId>> BridgedNetworks::ListNetworks() {
  FLATVM_ASSIGN_OR_RETURN(std::vector<NetworkId> ids, others_.ListNetworks());
  for (NetworkId& id : bridges_.List()) ids.push_back(std::move(id));
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace flatvm::network
