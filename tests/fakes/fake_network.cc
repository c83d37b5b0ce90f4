#include "tests/fakes/fake_network.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "network/bridged_networks.h"
#include "network/network_xml.h"

namespace flatvm::fakes {

using network::Lease;
using network::NetworkId;

namespace {

std::string KeyOf(const NetworkId& id) {
  return id.IsFirst() ? id.tenant : id.tenant + "." + id.network;
}

NetworkId IdOf(const std::string& key) {
  const size_t dot = key.find('.');
  return dot == key.npos ? NetworkId{key} : NetworkId{key.substr(0, dot), key.substr(dot + 1)};
}

}  // namespace

absl::Status FakeNetworks::CheckBridge(const network::NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  if (spec.mode != network::NetworkMode::kBridge) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(network::CheckBridgedSpec(spec));
  const std::lock_guard lock(mutex_);
  return CheckUsable(spec.bridge, spec.vlan);
}

absl::Status FakeNetworks::EnsureNetwork(const network::NetworkSpec& spec) {
  if (on_ensure) on_ensure(spec);
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const bool bridged = spec.mode == network::NetworkMode::kBridge;
  FLATVM_RETURN_IF_ERROR(bridged ? network::CheckBridgedSpec(spec)
                                 : network::CheckNetworkSpec(spec));
  Network wanted{.subnet = spec.subnet,
                 .mode = spec.mode,
                 .forwards = spec.forwards,
                 .prefix = spec.prefix,
                 .ceilings = spec.ceilings,
                 .bridge = spec.bridge,
                 .vlan = spec.vlan};
  for (const Lease& lease : spec.leases) wanted.leases.emplace(lease.mac, lease);
  const std::lock_guard lock(mutex_);
  const std::string key = KeyOf(spec.Id());
  const auto live = state_.find(key);
  const bool other = live != state_.end() &&
                     (live->second.mode != wanted.mode || live->second.subnet != wanted.subnet ||
                      live->second.prefix != wanted.prefix);
  if (other && occupied_.contains(key)) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kNetworkInUse,
                           "machines are on it");
  }
  state_.insert_or_assign(key, std::move(wanted));
  return bridged ? CheckUsable(spec.bridge, spec.vlan) : absl::OkStatus();
}

absl::Status FakeNetworks::RemoveNetwork(const network::NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(network::CheckNetworkId(spec.Id()));
  const std::lock_guard lock(mutex_);
  state_.erase(KeyOf(spec.Id()));
  removed_prefixes_.insert_or_assign(KeyOf(spec.Id()), spec.prefix);
  return absl::OkStatus();
}

absl::Status FakeNetworks::AddLease(const NetworkId& id, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(network::CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(network::CheckLease(lease));
  const std::lock_guard lock(mutex_);
  const auto network = state_.find(KeyOf(id));
  if (network == state_.end()) return base::InternalError("no such network");
  const bool bridged = network->second.mode == network::NetworkMode::kBridge;
  if (bridged) {
    FLATVM_RETURN_IF_ERROR(CheckUsable(network->second.bridge, network->second.vlan));
  }
  for (const auto& [mac, other] : network->second.leases) {
    if (other == lease) return absl::OkStatus();
    const bool same_address = !bridged && other.address == lease.address;
    if (mac == lease.mac || other.hostname == lease.hostname || same_address) {
      return base::InternalError("another entry has the MAC, the name or the address");
    }
  }
  network->second.leases.emplace(lease.mac, lease);
  return absl::OkStatus();
}

absl::Status FakeNetworks::RemoveLease(const NetworkId& id, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(network::CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(network::CheckLease(lease));
  const std::lock_guard lock(mutex_);
  const auto network = state_.find(KeyOf(id));
  if (network == state_.end()) return absl::OkStatus();
  const auto entry = network->second.leases.find(lease.mac);
  if (entry != network->second.leases.end() && entry->second == lease) {
    network->second.leases.erase(entry);
  }
  return absl::OkStatus();
}

absl::Status FakeNetworks::SetRules(const NetworkId& id, const network::Ipv4Subnet& /*subnet*/,
                                    const network::NetworkRules& rules) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(network::CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(network::CheckForwards(rules.forwards));
  const std::lock_guard lock(mutex_);
  const auto network = state_.find(KeyOf(id));
  if (network == state_.end()) return base::InternalError("no such network");
  network->second.forwards = rules.forwards;
  network->second.ceilings = rules.ceilings;
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::pair<network::Protocol, uint16_t>>> FakeNetworks::ListHostPorts() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  return host_ports_;
}

void FakeNetworks::Listen(uint16_t port) {
  const std::lock_guard lock(mutex_);
  host_ports_.emplace(network::Protocol::kTcp, port);
}

absl::StatusOr<network::Traffic> FakeNetworks::GetTraffic(const network::Ipv4Subnet& subnet) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  for (const auto& [tenant, network] : state_) {
    if (network.subnet == subnet) return traffic_;
  }
  return absl::NotFoundError("not counted");
}

void FakeNetworks::SetTraffic(const network::Traffic& traffic) {
  const std::lock_guard lock(mutex_);
  traffic_ = traffic;
}

absl::StatusOr<std::vector<NetworkId>> FakeNetworks::ListNetworks() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::vector<NetworkId> ids;
  for (const auto& [key, network] : state_) ids.push_back(IdOf(key));
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::Status FakeNetworks::CheckUsable(const std::string& bridge, uint32_t vlan) const {
  const auto found = bridges_.find(bridge);
  const bool there = found != bridges_.end();
  if (there && (vlan == 0 || found->second)) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition,
      base::ErrorInfo{.reason = base::Reason::kBridgeUnusable, .field = there ? "vlan" : "bridge"},
      "no such bridge, or it does not filter VLANs");
}

void FakeNetworks::AddBridge(const std::string& bridge, bool filters_vlans) {
  const std::lock_guard lock(mutex_);
  bridges_.insert_or_assign(bridge, filters_vlans);
}

void FakeNetworks::RemoveBridge(const std::string& bridge) {
  const std::lock_guard lock(mutex_);
  bridges_.erase(bridge);
}

void FakeNetworks::Occupy(const std::string& network) {
  const std::lock_guard lock(mutex_);
  occupied_.insert(network);
}

std::map<std::string, std::optional<network::Ipv6Prefix>> FakeNetworks::removed_prefixes() const {
  const std::lock_guard lock(mutex_);
  return removed_prefixes_;
}

FakeNetworks::State FakeNetworks::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace flatvm::fakes
