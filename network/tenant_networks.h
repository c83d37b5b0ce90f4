// Port: tenants' virtual networks. The real one is libvirt + nftables (libvirt_networks.h).
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/ipv4.h"
#include "network/network_spec.h"

namespace flatvm::network {

// Frames that were dropped above each of the ceilings.
struct Exceeded {
  uint64_t out = 0;
  uint64_t in = 0;
  uint64_t vm_out = 0;  // of all secondaries
  uint64_t vm_in = 0;
  bool operator==(const Exceeded&) const = default;
};

// Frames of a tenant's machines, by what became of them.
struct Traffic {
  uint64_t accepted = 0;  // on their way to the host or out
  uint64_t spoofed = 0;   // dropped: not from whom they said
  uint64_t refused = 0;   // dropped: where they were to go, or came from, is not allowed
  Exceeded exceeded;
  bool operator==(const Traffic&) const = default;
};

// Thread-safe; every call blocks on libvirtd or the kernel. Of kBridge nothing is made or removed,
// but machines' ports are held to what they may send, and to their VLAN; EnsureNetwork, which
// remembers it all the same, and AddLease also fail with FAILED_PRECONDITION / kBridgeUnusable.
// Errors of every call: UNAVAILABLE / kHypervisorUnavailable without libvirtd,
// kServiceManagerUnavailable without systemd; INVALID_ARGUMENT naming a malformed field; INTERNAL.
class TenantNetworks {
 public:
  virtual ~TenantNetworks() = default;

  // Makes and starts the network with DHCP, DNS and NAT if it is not there as described; brings its
  // leases in line; puts its filter rules in place. Machines attached to a network that is there
  // already are not disturbed. Without its prefix where the kernel has no IPv6. A tenant's networks
  // are as far from each other as two tenants'. Errors: also FAILED_PRECONDITION / kNetworkInUse if
  // it is there otherwise than described, but for leases, and machines are on it.
  virtual absl::Status EnsureNetwork(const NetworkSpec& spec) = 0;

  // Whether machines may be on the operator's bridge that `spec`, of kBridge, names; nothing is
  // changed. OK for other modes. Errors: also FAILED_PRECONDITION / kBridgeUnusable.
  virtual absl::Status CheckBridge(const NetworkSpec& spec) = 0;

  // Stops and removes network, bridge, leases and rules, whatever leases `spec` has; OK if it is
  // not there. Its prefix as EnsureNetwork got it, whatever prefixes are made of by now.
  virtual absl::Status RemoveNetwork(const NetworkSpec& spec) = 0;

  // Adds a DHCP host entry; OK if just this one is there. Errors: also INTERNAL if another has its
  // MAC, name or address, or if there is no network.
  virtual absl::Status AddLease(const NetworkId& id, const Lease& lease) = 0;

  // Removes the host entry and the lease dnsmasq may hold; OK if it is not there.
  virtual absl::Status RemoveLease(const NetworkId& id, const Lease& lease) = 0;

  // What of the host's ports leads to the network's machines, and how much may pass, in place of
  // what did. Connections that are there stay. Errors: also INTERNAL if there is no network.
  virtual absl::Status SetRules(const NetworkId& id, const Ipv4Subnet& subnet,
                                const NetworkRules& rules) = 0;

  // Ports at which the host itself listens, by (protocol, port): what may not be forwarded.
  virtual absl::StatusOr<std::set<std::pair<Protocol, uint16_t>>> ListHostPorts() = 0;

  // Counted since the network with that subnet was made. Errors: also NOT_FOUND without a Reason if
  // nothing is counted for that subnet.
  virtual absl::StatusOr<Traffic> GetTraffic(const Ipv4Subnet& subnet) = 0;

  // Those that are there, by tenant, then name.
  virtual absl::StatusOr<std::vector<NetworkId>> ListNetworks() = 0;
};

}  // namespace flatvm::network
