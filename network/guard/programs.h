// The guard's programs: what a tenant's frames may do, decided without the nftables table. Pure;
// tenant_guard.h puts them where frames pass. Why there is a guard: ADR 12.
#pragma once

#include <linux/bpf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "network/ipv4.h"
#include "network/ipv6.h"

namespace flatvm::guard {

// Set in the mark of packets that the nftables table has judged and let through to a tenant: what
// comes from outside without it was judged by nobody.
inline constexpr uint32_t kJudgedMark = 0x01000000;

// What is counted for a tenant, and its place in the map's value.
struct Counts {
  uint64_t accepted = 0;  // of what its machines sent
  uint64_t spoofed = 0;   // its sender was not who it said
  uint64_t refused = 0;   // where it was to go, or came from, is not allowed
  // Above a ceiling: the tenant's, out and in, and those of its machines, each by itself.
  uint64_t exceeded_out = 0;
  uint64_t exceeded_in = 0;
  uint64_t exceeded_vm_out = 0;
  uint64_t exceeded_vm_in = 0;
  // What meters go by, see Meter: the tenant's, or the machine's in a value of its own.
  uint64_t due_out = 0;
  uint64_t due_in = 0;
};

// Bytes in a second that a tenant, or a machine, may send and get; 0: no ceiling.
struct Ceiling {
  uint64_t out = 0;
  uint64_t in = 0;
  bool operator==(const Ceiling&) const = default;
};

// What holds frames to a ceiling: a schedule of when the last byte that was let through would have
// been sent at just that rate. A frame moves it on by its length, and passes while it is no more
// than the burst ahead of the clock. ADR 15.
struct Meter {
  uint64_t bytes_per_second = 0;  // 1..2^40
  uint32_t key = 0;               // whose value has the schedule
  size_t due = 0;                 // its place there: due_out or due_in
  size_t exceeded = 0;            // and that of the count, in the tenant's value
};

// The map of counts: a hash from a number that stands for the tenant, or for a machine, to Counts.
struct Tally {
  int map = -1;  // its descriptor
  uint32_t key = 0;
  std::vector<Meter> meters = {};  // of what would pass otherwise; each has to let it through
};

// A machine as its port knows it.
struct Machine {
  std::array<uint8_t, 6> mac{};
  network::Ipv4Address address;
  // Of a machine that is its siblings' router: their subnet. What it sends them comes from anywhere
  // but there, or from itself.
  std::optional<network::Ipv4Subnet> routes_for = std::nullopt;
  // Where it has an IPv6 address beside its link-local one; both follow from `mac`.
  std::optional<network::Ipv6Prefix> prefix = std::nullopt;
  Ceiling ceiling = {};
  // By whose address its ceiling goes, which all its ports share; nullopt: its own.
  std::optional<network::Ipv4Address> metered_as = std::nullopt;
  // On an operator's bridge: its addresses, which others give it, are not looked at. What it sends
  // and gets there is also held to its tenant's ceiling, which no bridge of the tenant's meters.
  bool anywhere = false;
  Ceiling tenant_ceiling = {};
  bool operator==(const Machine&) const = default;
};

// Where a tenant's machines have their addresses.
struct Subnets {
  network::Ipv4Subnet ipv4;
  std::optional<network::Ipv6Prefix> ipv6 = std::nullopt;  // nullopt: link-local ones only
  std::array<uint8_t, 6> gateway_mac{};                    // counts with a prefix only
};

// Who of a tenant's machines may leave the host, and by which interfaces.
struct WayOut {
  std::vector<uint32_t> uplinks;                            // by index; empty: nobody
  std::optional<network::Ipv4Address> only = std::nullopt;  // this machine; nullopt: each
};

// For what a machine sends, on its port's way in: its own hardware address, its own IPv4 address
// (none only to ask for one; a router also any that is none of its siblings'), ARP and neighbour
// discovery in its own name, as IPv6 address only those that follow from its hardware address: the
// link-local one, and that of its prefix. It is no DHCP server, and tells nobody of routers:
// nothing goes from a server's port or to a client's. (Of fragments the first has the ports, whole;
// what comes behind it is put together with it or with nothing.)
// Ethernet types are ARP, IPv4 and IPv6; no VLAN; of IPv6's extension headers a hop-by-hop one
// before MLD and fragments of TCP and UDP.
std::vector<bpf_insn> BuildPortIn(const Machine& machine, const Tally& tally);

// For what goes to a machine, on its port's way out: all of it, up to the ceiling of `tally`.
std::vector<bpf_insn> BuildPortOut(const Tally& tally);

// For a port of which nobody knows whose it is: nothing passes.
std::vector<bpf_insn> BuildClosedPort(const Tally& tally);

// For frames that a tenant's machines send to the host itself, on the bridge's way in: the source
// is of the subnet and not the gateway; DHCP, DNS and echo requests to the gateway; all else only
// where the host's routes lead out by an uplink, for those who have that way out, or back to the
// bridge, and not to link-local addresses. Of IPv6, with a prefix: neighbour discovery and router
// solicitations to the gateway and to the link's groups, from the link itself, and DNS and echo
// requests to the gateway, without headers between; nothing is led anywhere. Frames to
// groups that the host is in for nobody end without being counted. ARP for the machines' own
// addresses passes. What passes was counted at its port.
std::vector<bpf_insn> BuildBridgeIn(const Subnets& subnets, const WayOut& way_out,
                                    const Tally& tally);

// For what the host sends to a tenant's machines, on the bridge's way out: from the gateway's
// addresses, or with kJudgedMark; of IPv6 also from none, and only what the host has made itself.
std::vector<bpf_insn> BuildBridgeOut(const Subnets& subnets, const Tally& tally);

// Those of all tenants' subnets and prefixes.
struct Pools {
  network::Ipv4Subnet ipv4;
  std::optional<network::Ipv6Pool> ipv6 = std::nullopt;
};

// For what leaves by an uplink: nothing with a source in tenants' pools, which is what has not been
// translated.
std::vector<bpf_insn> BuildUplinkOut(const Pools& pools, const Tally& tally);

}  // namespace flatvm::guard
