// What a tenant's network is to be, and what it is called: plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "network/ipv4.h"
#include "network/ipv6.h"

namespace flatvm::network {

// What a tenant's primary is called on its network.
inline constexpr char kPrimaryHostname[] = "primary";

// A tenant's first network, on which all of its machines are. Others have a name of their own.
inline constexpr char kFirstNetwork[] = "default";

// One of all tenants' networks; both names as base::IsName takes them.
struct NetworkId {
  std::string tenant;
  std::string network = kFirstNetwork;
  bool IsFirst() const { return network == kFirstNetwork; }
  auto operator<=>(const NetworkId&) const = default;
};

// How a tenant's machines reach the world.
enum class NetworkMode {
  kNat,         // each by itself, with the uplink's address
  kIsolated,    // not at all; they have each other, DHCP and their own names
  kViaPrimary,  // through their primary, which is their gateway and alone may leave as in kNat
  kBridge,      // by an operator's bridge, whose DHCP server, names and ways are not flatvm's
};

enum class Protocol { kTcp, kUdp };

// A port of the host, on its uplinks, that leads to a machine.
struct PortForward {
  Protocol protocol = Protocol::kTcp;
  uint16_t host_port = 0;  // 1..65535; no two of all tenants' are the same
  std::string machine;     // its host name; it need not be there yet
  uint16_t port = 0;       // the machine's, 1..65535
  auto operator<=>(const PortForward&) const = default;
};

// What may be sent and got, in bytes a second; 0: no ceiling.
struct Ceilings {
  uint64_t out = 0;     // by all machines of a tenant together, to the host and the world
  uint64_t in = 0;      // likewise from there
  uint64_t vm_out = 0;  // by each secondary, to its siblings too
  uint64_t vm_in = 0;
  bool operator==(const Ceilings&) const = default;
};

// What of a network may become another while machines are on it.
struct NetworkRules {
  std::vector<PortForward> forwards;
  Ceilings ceilings;
  bool operator==(const NetworkRules&) const = default;
};

// A machine's place in its tenant's network, known before it boots.
struct Lease {
  std::string hostname;  // a name as base::IsName takes it
  std::string mac;
  Ipv4Address address;  // in kBridge none
  bool operator==(const Lease&) const = default;
};

struct NetworkSpec {
  std::string tenant;
  std::string network = kFirstNetwork;
  Ipv4Subnet subnet;
  std::vector<Lease> leases;  // the primary's, on the first, and every secondary's that is on it
  uint32_t mtu = 0;           // of its bridge and NICs; 0: Ethernet's, 1500
  NetworkMode mode = NetworkMode::kNat;
  std::vector<PortForward> forwards;
  // Where its machines have IPv6 addresses, each by its MAC; nullopt: they have link-local ones
  // only.
  std::optional<Ipv6Prefix> prefix = std::nullopt;
  Ceilings ceilings;
  // Its tenant's first network, with which it shares the tenant's ceilings; nullopt: it is that.
  std::optional<Ipv4Subnet> metered_by = std::nullopt;
  // Of kBridge only, in which `subnet` is that of the tenant's first network: what ports of the
  // bridge drop is counted there.
  std::string bridge;  // an interface; the operator's
  uint32_t vlan = 0;   // the only one that machines are in, 1..4094; 0: the bridge's own choice

  NetworkId Id() const { return {.tenant = tenant, .network = network}; }
};

// The primary's lease among a network's; null: it has none.
const Lease* FindPrimary(const std::vector<Lease>& leases);

// libvirt network: "flatvm-<tenant>" of a tenant's first, "flatvm-<tenant>.<network>" of another.
std::string NetworkName(const NetworkId& id);

// DNS domain: "<tenant>.internal" of a tenant's first network, "<network>.<tenant>.internal" of
// another. Not forwarded to other servers.
std::string DnsDomain(const NetworkId& id);

// Bridge of a tenant's network, 15 bytes at most: "fv-" + the subnet's address in hexadecimal, such
// as "fv-0ad50400".
std::string BridgeName(const Ipv4Subnet& subnet);

// Of kBridge. Errors: INVALID_ARGUMENT naming "bridge", of which flatvm's own are none, or "vlan".
absl::Status CheckBridge(const std::string& bridge, uint32_t vlan);

// The gateway's, which follows from its MAC.
Ipv6Address LinkLocalGateway(const Ipv4Subnet& subnet);

}  // namespace flatvm::network
