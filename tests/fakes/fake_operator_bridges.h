// OperatorBridges in memory: what stands below BridgedNetworks without a kernel.
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "network/operator_bridges.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeOperatorBridges final : public network::OperatorBridges {
 public:
  // Those that the host has, all of which filter VLANs.
  explicit FakeOperatorBridges(std::set<std::string> there) : there_(std::move(there)) {}

  absl::Status Check(const network::NetworkSpec& spec) override {
    const std::lock_guard lock(mutex_);
    return CheckThere(spec);
  }
  absl::Status Ensure(const network::NetworkSpec& spec) override {
    const std::lock_guard lock(mutex_);
    networks_.insert_or_assign(spec.Id(), spec);
    return CheckThere(spec);
  }
  absl::Status Remove(const network::NetworkId& id) override {
    const std::lock_guard lock(mutex_);
    networks_.erase(id);
    return absl::OkStatus();
  }
  bool Has(const network::NetworkId& id) override {
    const std::lock_guard lock(mutex_);
    return networks_.contains(id);
  }
  absl::Status AddMachine(const network::NetworkId& id, const network::Lease& machine) override {
    const std::lock_guard lock(mutex_);
    const auto found = networks_.find(id);
    if (found == networks_.end()) return base::InternalError("no such network");
    FLATVM_RETURN_IF_ERROR(CheckThere(found->second));
    std::vector<network::Lease>& leases = found->second.leases;
    for (const network::Lease& other : leases) {
      if (other == machine) return absl::OkStatus();
      if (other.mac == machine.mac || other.hostname == machine.hostname) {
        return base::InternalError("another machine has the MAC or the name");
      }
    }
    leases.push_back(machine);
    return absl::OkStatus();
  }
  absl::Status RemoveMachine(const network::NetworkId& id, const network::Lease& machine) override {
    const std::lock_guard lock(mutex_);
    const auto found = networks_.find(id);
    if (found != networks_.end()) std::erase(found->second.leases, machine);
    return absl::OkStatus();
  }
  absl::Status SetCeilings(const network::NetworkId& id,
                           const network::Ceilings& ceilings) override {
    const std::lock_guard lock(mutex_);
    const auto found = networks_.find(id);
    if (found == networks_.end()) return base::InternalError("no such network");
    found->second.ceilings = ceilings;
    return absl::OkStatus();
  }
  std::vector<network::NetworkId> List() override {
    const std::lock_guard lock(mutex_);
    std::vector<network::NetworkId> ids;
    for (const auto& [id, spec] : networks_) ids.push_back(id);
    return ids;
  }

 private:
  absl::Status CheckThere(const network::NetworkSpec& spec) const {
    if (there_.contains(spec.bridge)) return absl::OkStatus();
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kBridgeUnusable, .field = "bridge"}, "not there");
  }

  const std::set<std::string> there_;
  std::mutex mutex_;  // guards networks_
  std::map<network::NetworkId, network::NetworkSpec> networks_;
};

}  // namespace flatvm::fakes
