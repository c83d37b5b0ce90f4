#include "network/neighbours.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "network/netlink/message.h"
#include "network/netlink/socket.h"
#include "network/ports.h"

namespace flatvm::network {
namespace {

// An address as the kernel takes it.
struct Neighbour {
  uint8_t family;
  std::string bytes;
};

Neighbour NeighbourOf(const Lease& machine) {
  const uint32_t address = htonl(machine.address.value);
  return {AF_INET, std::string(reinterpret_cast<const char*>(&address), sizeof(address))};
}

std::vector<Neighbour> Ipv6NeighboursOf(const Lease& machine, const Ipv6Prefix& prefix) {
  std::vector<Neighbour> both;
  const MacBytes mac = BytesOfMac(machine.mac);
  for (const Ipv6Prefix& one : {prefix, kLinkLocal}) {
    const Ipv6Address address = AddressOf(one, mac);
    both.push_back({AF_INET6, std::string(address.bytes.begin(), address.bytes.end())});
  }
  return both;
}

ndmsg Entry(uint32_t bridge, const Neighbour& neighbour) {
  ndmsg header{};
  header.ndm_family = neighbour.family;
  header.ndm_ifindex = static_cast<int>(bridge);
  header.ndm_state = NUD_PERMANENT;
  return header;
}

absl::StatusOr<int> Add(netlink::Socket& socket, uint32_t bridge, const Neighbour& neighbour,
                        const MacBytes& mac) {
  netlink::Message request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  request.Header(Entry(bridge, neighbour)).Bytes(NDA_DST, neighbour.bytes);
  request.Bytes(NDA_LLADDR, {reinterpret_cast<const char*>(mac.data()), mac.size()});
  return socket.Ask(request);
}

}  // namespace

absl::Status EnsureNeighbour(uint32_t bridge, const Lease& machine) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  FLATVM_ASSIGN_OR_RETURN(const int error,
                          Add(socket, bridge, NeighbourOf(machine), BytesOfMac(machine.mac)));
  if (error == 0) return absl::OkStatus();
  return base::ErrnoError(error, "adding a machine's neighbour entry");
}

absl::Status EnsureIpv6Neighbours(uint32_t bridge, const Lease& machine, const Ipv6Prefix& prefix) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  for (const Neighbour& neighbour : Ipv6NeighboursOf(machine, prefix)) {
    FLATVM_ASSIGN_OR_RETURN(const int error,
                            Add(socket, bridge, neighbour, BytesOfMac(machine.mac)));
    // EAFNOSUPPORT: a kernel without IPv6. EINVAL: a bridge without, whose MTU is below IPv6's.
    if (error == 0 || error == EAFNOSUPPORT || error == EINVAL) continue;
    return base::ErrnoError(error, "adding a machine's IPv6 neighbour entry");
  }
  return absl::OkStatus();
}

absl::Status RemoveNeighbour(uint32_t bridge, const Lease& machine,
                             const std::optional<Ipv6Prefix>& prefix) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  std::vector<Neighbour> all = {NeighbourOf(machine)};
  if (prefix) {
    for (Neighbour& neighbour : Ipv6NeighboursOf(machine, *prefix)) {
      all.push_back(std::move(neighbour));
    }
  }
  for (const Neighbour& neighbour : all) {
    netlink::Message request(RTM_DELNEIGH, 0);
    request.Header(Entry(bridge, neighbour)).Bytes(NDA_DST, neighbour.bytes);
    FLATVM_ASSIGN_OR_RETURN(const int error, socket.Ask(request));
    // ENODEV: the bridge is gone, and its entries with it.
    if (error == 0 || error == ENOENT || error == ENODEV || error == EAFNOSUPPORT) continue;
    return base::ErrnoError(error, "removing a machine's neighbour entry");
  }
  return absl::OkStatus();
}

}  // namespace flatvm::network
