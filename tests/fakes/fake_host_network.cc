#include "tests/fakes/fake_host_network.h"

#include "daemon/base/error.h"

namespace flatvm::fakes {

absl::Status FakeHostNetwork::EnsureFilter(const network::NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  filters_.insert(spec.subnet);
  modes_.insert_or_assign(spec.subnet, spec.mode);
  if (spec.prefix) prefixes_.insert_or_assign(spec.subnet, *spec.prefix);
  return absl::OkStatus();
}

absl::Status FakeHostNetwork::EnsureGuard(const network::NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  guards_.insert(spec.subnet);
  if (spec.prefix) prefixes_.insert_or_assign(spec.subnet, *spec.prefix);
  rules_.insert_or_assign(
      spec.subnet, network::NetworkRules{.forwards = spec.forwards, .ceilings = spec.ceilings});
  machines_[network::BridgeName(spec.subnet)] = spec.leases;
  return absl::OkStatus();
}

absl::Status FakeHostNetwork::AddMachine(const std::string& bridge, const network::Lease& machine) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::erase(machines_[bridge], machine);
  machines_[bridge].push_back(machine);
  return absl::OkStatus();
}

absl::Status FakeHostNetwork::RemoveMachine(const std::string& bridge,
                                            const network::Lease& machine) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::erase(machines_[bridge], machine);
  return absl::OkStatus();
}

absl::Status FakeHostNetwork::SetRules(const network::Ipv4Subnet& subnet,
                                       const network::NetworkRules& rules) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  if (!filters_.contains(subnet)) return base::InternalError("not filtered");
  rules_.insert_or_assign(subnet, rules);
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::pair<network::Protocol, uint16_t>>> FakeHostNetwork::ListHostPorts() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  return std::set<std::pair<network::Protocol, uint16_t>>{};
}

absl::Status FakeHostNetwork::RemoveFilter(const network::Ipv4Subnet& subnet,
                                           const std::optional<network::Ipv6Prefix>& prefix) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  filters_.erase(subnet);
  guards_.erase(subnet);
  const auto found = prefixes_.find(subnet);
  if (found != prefixes_.end() && found->second == prefix) prefixes_.erase(found);
  machines_.erase(network::BridgeName(subnet));
  return absl::OkStatus();
}

absl::StatusOr<network::Traffic> FakeHostNetwork::GetTraffic(const network::Ipv4Subnet& subnet) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  if (!guards_.contains(subnet)) return absl::NotFoundError("not counted");
  return network::Traffic{};
}

bool FakeHostNetwork::HasIpv6() {
  const std::lock_guard lock(mutex_);
  return has_ipv6_;
}

void FakeHostNetwork::LoseIpv6() {
  const std::lock_guard lock(mutex_);
  has_ipv6_ = false;
}

absl::StatusOr<uint32_t> FakeHostNetwork::GetUplinkMtu() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  return uint32_t{0};
}

absl::StatusOr<network::BridgeState> FakeHostNetwork::GetBridgeState(const std::string& bridge) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  const auto state = bridges_.find(bridge);
  return state == bridges_.end() ? network::BridgeState::kInUse : state->second;
}

absl::Status FakeHostNetwork::ReleaseLease(const std::string& /*bridge*/,
                                           network::Ipv4Address /*gateway*/,
                                           const network::Lease& lease) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  released_.push_back(lease);
  return absl::OkStatus();
}

void FakeHostNetwork::SetBridgeState(const std::string& bridge, network::BridgeState state) {
  const std::lock_guard lock(mutex_);
  bridges_.insert_or_assign(bridge, state);
}

std::set<network::Ipv4Subnet> FakeHostNetwork::filters() const {
  const std::lock_guard lock(mutex_);
  return filters_;
}

network::NetworkRules FakeHostNetwork::rules(const network::Ipv4Subnet& subnet) const {
  const std::lock_guard lock(mutex_);
  return rules_.at(subnet);
}

network::NetworkMode FakeHostNetwork::mode(const network::Ipv4Subnet& subnet) const {
  const std::lock_guard lock(mutex_);
  return modes_.at(subnet);
}

std::vector<network::Lease> FakeHostNetwork::machines(const std::string& bridge) const {
  const std::lock_guard lock(mutex_);
  const auto found = machines_.find(bridge);
  return found == machines_.end() ? std::vector<network::Lease>{} : found->second;
}

std::map<network::Ipv4Subnet, network::Ipv6Prefix> FakeHostNetwork::prefixes() const {
  const std::lock_guard lock(mutex_);
  return prefixes_;
}

std::vector<network::Lease> FakeHostNetwork::released() const {
  const std::lock_guard lock(mutex_);
  return released_;
}

std::set<network::Ipv4Subnet> FakeHostNetwork::guards() const {
  const std::lock_guard lock(mutex_);
  return guards_;
}

}  // namespace flatvm::fakes
