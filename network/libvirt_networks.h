// The real TenantNetworks: a transient libvirt network each, the filter through HostNetwork, and
// who serves it through NetworkServers. Networks carry tenant and name in their metadata; one
// without them is the operator's and never touched.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/log.h"
#include "network/host_network.h"
#include "network/network_servers.h"
#include "network/tenant_networks.h"

namespace flatvm::libvirt {
class Connection;
}

namespace flatvm::network {

// Transient, because flatvm's records are the truth: the networks outlive a restart of libvirtd,
// and after one of the host EnsureNetwork makes them anew. Thread-safe; two changes to one tenant
// at a time are the caller's to prevent.
class LibvirtNetworks final : public TenantNetworks {
 public:
  LibvirtNetworks(libvirt::Connection& connection, HostNetwork& host, NetworkServers& servers,
                  base::Logger& log)
      : connection_(connection), host_(host), servers_(servers), log_(log) {}

  // As the port says. The filter is there before the bridge, and its guard before a machine is on
  // it. A live network that differs by more than its MTU is replaced if no machine is attached.
  // What the parts of a new one took is a line in the log, and so is, once, that the kernel has no
  // IPv6 for a prefix. Errors: also INVALID_ARGUMENT, as CheckNetworkSpec; UNAVAILABLE /
  // kServiceManagerUnavailable; INTERNAL if a network of that name is not flatvm's.
  absl::Status CheckBridge(const NetworkSpec& /*spec*/) override { return absl::OkStatus(); }
  absl::Status EnsureNetwork(const NetworkSpec& spec) override;
  absl::Status RemoveNetwork(const NetworkSpec& spec) override;
  // Errors: also INTERNAL if there is no such network, or another entry has the MAC, name or
  // address.
  absl::Status AddLease(const NetworkId& id, const Lease& lease) override;
  // Who serves the network is told to forget the lease.
  absl::Status RemoveLease(const NetworkId& id, const Lease& lease) override;
  absl::Status SetRules(const NetworkId& id, const Ipv4Subnet& subnet,
                        const NetworkRules& rules) override;
  absl::StatusOr<std::set<std::pair<Protocol, uint16_t>>> ListHostPorts() override {
    return host_.ListHostPorts();
  }
  absl::StatusOr<Traffic> GetTraffic(const Ipv4Subnet& subnet) override {
    return host_.GetTraffic(subnet);
  }
  absl::StatusOr<std::vector<NetworkId>> ListNetworks() override;

 private:
  // What can be had of it here.
  NetworkSpec Possible(const NetworkSpec& spec);

  libvirt::Connection& connection_;
  HostNetwork& host_;
  NetworkServers& servers_;
  base::Logger& log_;
  std::atomic<bool> told_of_ipv6_ = false;  // that there is none
};

}  // namespace flatvm::network
