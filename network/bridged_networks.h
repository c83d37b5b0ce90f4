// TenantNetworks of all modes: those of kBridge are the operator's bridges', all others another's.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "network/operator_bridges.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// As the port says. Thread-safe if both that it stands on are; they outlive it.
class BridgedNetworks final : public TenantNetworks {
 public:
  BridgedNetworks(TenantNetworks& others, OperatorBridges& bridges)
      : others_(others), bridges_(bridges) {}

  absl::Status EnsureNetwork(const NetworkSpec& spec) override;
  absl::Status CheckBridge(const NetworkSpec& spec) override;
  absl::Status RemoveNetwork(const NetworkSpec& spec) override;
  absl::Status AddLease(const NetworkId& id, const Lease& lease) override;
  absl::Status RemoveLease(const NetworkId& id, const Lease& lease) override;
  absl::Status SetRules(const NetworkId& id, const Ipv4Subnet& subnet,
                        const NetworkRules& rules) override {
    return bridges_.Has(id) ? bridges_.SetCeilings(id, rules.ceilings)
                            : others_.SetRules(id, subnet, rules);
  }
  absl::StatusOr<std::set<std::pair<Protocol, uint16_t>>> ListHostPorts() override {
    return others_.ListHostPorts();
  }
  absl::StatusOr<Traffic> GetTraffic(const Ipv4Subnet& subnet) override {
    return others_.GetTraffic(subnet);
  }
  absl::StatusOr<std::vector<NetworkId>> ListNetworks() override;

 private:
  TenantNetworks& others_;
  OperatorBridges& bridges_;
};

// Errors: INVALID_ARGUMENT naming the field, unless `spec` is of kBridge with an operator's bridge,
// a VLAN or none, and leases without addresses.
absl::Status CheckBridgedSpec(const NetworkSpec& spec);

}  // namespace flatvm::network
