// Port: a tenant's virtual network. The real one is libvirt + nftables (libvirt_networks.h).
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/ipv4.h"
#include "network/ipv6.h"

namespace flatvm::network {

// What a tenant's primary is called on its network.
inline constexpr char kPrimaryHostname[] = "primary";

// How a tenant's machines reach the world.
enum class NetworkMode {
  kNat,         // each by itself, with the uplink's address
  kIsolated,    // not at all; they have each other, DHCP and their own names
  kViaPrimary,  // through their primary, which is their gateway and alone may leave as in kNat
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
  Ipv4Address address;
  bool operator==(const Lease&) const = default;
};

struct NetworkSpec {
  std::string tenant;
  Ipv4Subnet subnet;
  std::vector<Lease> leases;  // the primary's and every secondary's
  uint32_t mtu = 0;           // of its bridge and NICs; 0: Ethernet's, 1500
  NetworkMode mode = NetworkMode::kNat;
  std::vector<PortForward> forwards;
  // Where its machines have IPv6 addresses, each by its MAC; nullopt: they have link-local ones
  // only.
  std::optional<Ipv6Prefix> prefix = std::nullopt;
  Ceilings ceilings;
};

// The primary's lease among a network's; null: it has none.
const Lease* FindPrimary(const std::vector<Lease>& leases);

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

// libvirt network of a tenant: "flatvm-<tenant>".
std::string NetworkName(const std::string& tenant);

// Bridge of a tenant's network, 15 bytes at most: "fv-" + the subnet's address in hexadecimal, such
// as "fv-0ad50400".
std::string BridgeName(const Ipv4Subnet& subnet);

// The gateway's, which follows from its MAC.
Ipv6Address LinkLocalGateway(const Ipv4Subnet& subnet);

// Thread-safe; every call blocks on libvirtd or the kernel.
// Errors of every call: UNAVAILABLE / kHypervisorUnavailable without libvirtd; INVALID_ARGUMENT
// naming a malformed field; INTERNAL.
class TenantNetworks {
 public:
  virtual ~TenantNetworks() = default;

  // Makes and starts the network with DHCP, DNS and NAT if it is not there as described; brings its
  // leases in line; puts its filter rules in place. Machines attached to a network that is there
  // already are not disturbed. Without its prefix where the kernel has no IPv6. Errors: also
  // FAILED_PRECONDITION / kNetworkInUse if it is there otherwise than described, but for leases,
  // and machines are on it.
  virtual absl::Status EnsureNetwork(const NetworkSpec& spec) = 0;

  // Stops and removes network, bridge, leases and rules; OK if it is not there. `prefix` as its
  // NetworkSpec had it, whatever prefixes are made of by now.
  virtual absl::Status RemoveNetwork(const std::string& tenant, const Ipv4Subnet& subnet,
                                     const std::optional<Ipv6Prefix>& prefix) = 0;

  // Adds a DHCP host entry; OK if just this one is there. Errors: also INTERNAL if another has its
  // MAC, name or address, or if there is no network.
  virtual absl::Status AddLease(const std::string& tenant, const Lease& lease) = 0;

  // Removes the host entry and the lease dnsmasq may hold; OK if it is not there.
  virtual absl::Status RemoveLease(const std::string& tenant, const Lease& lease) = 0;

  // What of the host's ports leads to the tenant's machines, and how much may pass, in place of
  // what did. Connections that are there stay. Errors: also INTERNAL if there is no network.
  virtual absl::Status SetRules(const std::string& tenant, const Ipv4Subnet& subnet,
                                const NetworkRules& rules) = 0;

  // Ports at which the host itself listens, by (protocol, port): what may not be forwarded.
  virtual absl::StatusOr<std::set<std::pair<Protocol, uint16_t>>> ListHostPorts() = 0;

  // Counted since the tenant's network was made. Errors: also NOT_FOUND without a Reason if nothing
  // is counted for that subnet.
  virtual absl::StatusOr<Traffic> GetTraffic(const Ipv4Subnet& subnet) = 0;

  // Tenants whose network is there.
  virtual absl::StatusOr<std::vector<std::string>> ListTenants() = 0;
};

}  // namespace flatvm::network
