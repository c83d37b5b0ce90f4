// The host beside libvirt, in memory: what stands below LibvirtNetworks on libvirt's test driver.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "network/host_network.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeHostNetwork final : public network::HostNetwork, public FailableFake {
 public:
  absl::Status EnsureFilter(const network::NetworkSpec& spec) override;
  absl::Status EnsureGuard(const network::NetworkSpec& spec) override;
  absl::Status AddMachine(const std::string& bridge, const network::Lease& machine) override;
  absl::Status RemoveMachine(const std::string& bridge, const network::Lease& machine) override;
  absl::Status SetRules(const network::Ipv4Subnet& subnet,
                        const network::NetworkRules& rules) override;
  absl::StatusOr<std::set<std::pair<network::Protocol, uint16_t>>> ListHostPorts() override;
  absl::Status RemoveFilter(const network::Ipv4Subnet& subnet,
                            const std::optional<network::Ipv6Prefix>& prefix) override;
  absl::StatusOr<network::Traffic> GetTraffic(const network::Ipv4Subnet& subnet) override;
  bool HasIpv6() override;
  // From here on the kernel has none.
  void LoseIpv6();
  absl::StatusOr<uint32_t> GetUplinkMtu() override;
  absl::StatusOr<network::BridgeState> GetBridgeState(const std::string& bridge) override;
  absl::Status ReleaseLease(const std::string& /*bridge*/, network::Ipv4Address /*gateway*/,
                            const network::Lease& lease) override;
  // Of a bridge that is not set, a machine is attached: the state in which least may be done.
  void SetBridgeState(const std::string& bridge, network::BridgeState state);
  std::set<network::Ipv4Subnet> filters() const;
  network::NetworkRules rules(const network::Ipv4Subnet& subnet) const;
  // By which it was filtered last.
  network::NetworkMode mode(const network::Ipv4Subnet& subnet) const;
  // Whose ports are open on that bridge.
  std::vector<network::Lease> machines(const std::string& bridge) const;
  // That a DHCP server was asked to forget.
  std::vector<network::Lease> released() const;
  std::set<network::Ipv4Subnet> guards() const;
  // Of filters and guards; those that are taken away with another stay.
  std::map<network::Ipv4Subnet, network::Ipv6Prefix> prefixes() const;

 private:
  mutable std::mutex mutex_;  // guards all below
  std::set<network::Ipv4Subnet> filters_;
  std::set<network::Ipv4Subnet> guards_;
  std::map<network::Ipv4Subnet, network::NetworkMode> modes_;
  std::map<network::Ipv4Subnet, network::NetworkRules> rules_;
  std::map<std::string, std::vector<network::Lease>> machines_;
  std::map<std::string, network::BridgeState> bridges_;
  std::map<network::Ipv4Subnet, network::Ipv6Prefix> prefixes_;
  bool has_ipv6_ = true;
  std::vector<network::Lease> released_;
};

}  // namespace flatvm::fakes
