// The host beside libvirt, in memory: what stands below LibvirtNetworks on libvirt's test driver.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "network/host_network.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeHostNetwork final : public network::HostNetwork, public FailableFake {
 public:
  absl::Status EnsureFilter(const network::NetworkSpec& spec) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    filters_.insert(spec.subnet);
    modes_.insert_or_assign(spec.subnet, spec.mode);
    return absl::OkStatus();
  }

  absl::Status EnsureGuard(const network::NetworkSpec& spec) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    guards_.insert(spec.subnet);
    forwards_.insert_or_assign(spec.subnet, spec.forwards);
    machines_[network::BridgeName(spec.subnet)] = spec.leases;
    return absl::OkStatus();
  }

  absl::Status AddMachine(const std::string& bridge, const network::Lease& machine) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    std::erase(machines_[bridge], machine);
    machines_[bridge].push_back(machine);
    return absl::OkStatus();
  }

  absl::Status RemoveMachine(const std::string& bridge, const network::Lease& machine) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    std::erase(machines_[bridge], machine);
    return absl::OkStatus();
  }

  absl::Status SetForwards(const network::Ipv4Subnet& subnet,
                           const std::vector<network::PortForward>& forwards) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    if (!filters_.contains(subnet)) return base::InternalError("not filtered");
    forwards_.insert_or_assign(subnet, forwards);
    return absl::OkStatus();
  }

  absl::StatusOr<std::set<std::pair<network::Protocol, uint16_t>>> ListHostPorts() override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    return std::set<std::pair<network::Protocol, uint16_t>>{};
  }

  absl::Status RemoveFilter(const network::Ipv4Subnet& subnet) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    filters_.erase(subnet);
    guards_.erase(subnet);
    machines_.erase(network::BridgeName(subnet));
    return absl::OkStatus();
  }

  absl::StatusOr<network::Traffic> GetTraffic(const network::Ipv4Subnet& subnet) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    if (!guards_.contains(subnet)) return absl::NotFoundError("not counted");
    return network::Traffic{};
  }

  absl::StatusOr<uint32_t> GetUplinkMtu() override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    return uint32_t{0};
  }

  absl::StatusOr<network::BridgeState> GetBridgeState(const std::string& bridge) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    const auto state = bridges_.find(bridge);
    return state == bridges_.end() ? network::BridgeState::kInUse : state->second;
  }

  absl::Status ReleaseLease(const std::string& /*bridge*/, network::Ipv4Address /*gateway*/,
                            const network::Lease& lease) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    released_.push_back(lease);
    return absl::OkStatus();
  }

  // Of a bridge that is not set, a machine is attached: the state in which least may be done.
  void SetBridgeState(const std::string& bridge, network::BridgeState state) {
    const std::lock_guard lock(mutex_);
    bridges_.insert_or_assign(bridge, state);
  }

  std::set<network::Ipv4Subnet> filters() const {
    const std::lock_guard lock(mutex_);
    return filters_;
  }

  std::vector<network::PortForward> forwards(const network::Ipv4Subnet& subnet) const {
    const std::lock_guard lock(mutex_);
    return forwards_.at(subnet);
  }

  // By which it was filtered last.
  network::NetworkMode mode(const network::Ipv4Subnet& subnet) const {
    const std::lock_guard lock(mutex_);
    return modes_.at(subnet);
  }

  // Whose ports are open on that bridge.
  std::vector<network::Lease> machines(const std::string& bridge) const {
    const std::lock_guard lock(mutex_);
    const auto found = machines_.find(bridge);
    return found == machines_.end() ? std::vector<network::Lease>{} : found->second;
  }

  std::set<network::Ipv4Subnet> guards() const {
    const std::lock_guard lock(mutex_);
    return guards_;
  }

 private:
  mutable std::mutex mutex_;  // guards all below
  std::set<network::Ipv4Subnet> filters_;
  std::set<network::Ipv4Subnet> guards_;
  std::map<network::Ipv4Subnet, network::NetworkMode> modes_;
  std::map<network::Ipv4Subnet, std::vector<network::PortForward>> forwards_;
  std::map<std::string, std::vector<network::Lease>> machines_;
  std::map<std::string, network::BridgeState> bridges_;
  std::vector<network::Lease> released_;
};

}  // namespace flatvm::fakes
