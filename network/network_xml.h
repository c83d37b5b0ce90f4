// libvirt's network XML: built and read as a tree, pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// What flatvm looks at in a network that libvirt has.
struct NetworkDescription {
  std::string tenant;   // by our metadata; empty: the network is not flatvm's
  std::string network;  // likewise: its name among the tenant's
  std::string bridge;
  std::string forward_mode;  // libvirt's; empty: isolated
  std::string mode;          // flatvm's, by our metadata
  std::string domain;        // DNS
  Ipv4Address gateway;       // 0: no IPv4 address
  std::string netmask;
  std::optional<Ipv6Prefix> prefix;  // by our metadata
  uint32_t mtu = 0;                  // 0: Ethernet's
  bool served = false;               // libvirt has a dnsmasq for it

  NetworkId Id() const { return {.tenant = tenant, .network = network}; }
};

// Errors: INVALID_ARGUMENT naming the field, unless the network's and host names are base::IsName,
// MACs six lower-case hexadecimal pairs, and addresses machines' in the subnet, none of the three
// twice.
absl::Status CheckNetworkSpec(const NetworkSpec& spec);
// The same for its names: "tenant" or "network".
absl::Status CheckNetworkId(const NetworkId& id);
// The same for one lease; its subnet is not known here.
absl::Status CheckLease(const Lease& lease);

// The same for forwards: ports that are none, machines' names, host ports twice.
absl::Status CheckForwards(const std::vector<PortForward>& forwards);

// <network> for `spec`, our metadata included: a bridge with addresses that nobody serves. `spec`
// has passed CheckNetworkSpec; its leases are not libvirt's.
std::string BuildNetworkXml(const NetworkSpec& spec);

// Errors: INTERNAL if it is no <network>.
absl::StatusOr<NetworkDescription> ParseNetworkXml(std::string_view xml);

// True if the live network is what `spec` asks for, MTU apart.
bool Matches(const NetworkDescription& live, const NetworkSpec& spec);

}  // namespace flatvm::network
