// TenantNetworks in memory.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "network/tenant_networks.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe. Lets nothing through that the real one refuses: bad names, an address outside the
// subnet, an entry whose MAC, name or address another has.
class FakeNetworks final : public network::TenantNetworks, public FailableFake {
 public:
  struct Network {
    network::Ipv4Subnet subnet;
    network::NetworkMode mode = network::NetworkMode::kNat;
    std::map<std::string, network::Lease> leases;  // by MAC
    std::vector<network::PortForward> forwards;
    std::optional<network::Ipv6Prefix> prefix = std::nullopt;
    network::Ceilings ceilings;
    std::string bridge = "";
    uint32_t vlan = 0;
    bool operator==(const Network&) const = default;
  };
  // By tenant; of a network beside its first by "<tenant>.<network>".
  using State = std::map<std::string, Network>;

  absl::Status CheckBridge(const network::NetworkSpec& spec) override;
  absl::Status EnsureNetwork(const network::NetworkSpec& spec) override;
  absl::Status RemoveNetwork(const network::NetworkSpec& spec) override;
  absl::Status AddLease(const network::NetworkId& id, const network::Lease& lease) override;
  absl::Status RemoveLease(const network::NetworkId& id, const network::Lease& lease) override;
  absl::Status SetRules(const network::NetworkId& id, const network::Ipv4Subnet& subnet,
                        const network::NetworkRules& rules) override;
  absl::StatusOr<std::set<std::pair<network::Protocol, uint16_t>>> ListHostPorts() override;
  absl::StatusOr<network::Traffic> GetTraffic(const network::Ipv4Subnet& subnet) override;
  absl::StatusOr<std::vector<network::NetworkId>> ListNetworks() override;

  // Called by EnsureNetwork before it does anything: who looks on. To be set while nobody calls.
  std::function<void(const network::NetworkSpec&)> on_ensure;

  // What GetTraffic is to say for every tenant.
  void SetTraffic(const network::Traffic& traffic);

  // The host has this bridge from here on, or not any more.
  void AddBridge(const std::string& bridge, bool filters_vlans);
  void RemoveBridge(const std::string& bridge);

  // At which the host listens from here on, by TCP.
  void Listen(uint16_t port);

  // From here on machines are on the network (named as in State), so that it cannot become another.
  void Occupy(const std::string& network);

  // With which networks were removed last, by tenant.
  std::map<std::string, std::optional<network::Ipv6Prefix>> removed_prefixes() const;

  // All of it, to compare with before.
  State Snapshot() const;

 private:
  // With mutex_ held.
  absl::Status CheckUsable(const std::string& bridge, uint32_t vlan) const;

  mutable std::mutex mutex_;
  State state_;                          // guarded by mutex_
  network::Traffic traffic_;             // guarded by mutex_
  std::set<std::string> occupied_;       // guarded by mutex_
  std::map<std::string, bool> bridges_;  // whether they filter VLANs; guarded by mutex_
  // guarded by mutex_
  std::map<std::string, std::optional<network::Ipv6Prefix>> removed_prefixes_;
  // guarded by mutex_
  std::set<std::pair<network::Protocol, uint16_t>> host_ports_ = {{network::Protocol::kTcp, 22}};
};

}  // namespace flatvm::fakes
