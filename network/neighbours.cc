#include "network/neighbours.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "daemon/base/error.h"
#include "network/netlink/message.h"
#include "network/netlink/socket.h"
#include "network/ports.h"

namespace flatvm::network {
namespace {

ndmsg Entry(uint32_t bridge) {
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = static_cast<int>(bridge);
  header.ndm_state = NUD_PERMANENT;
  return header;
}

void AddAddress(netlink::Message* request, Ipv4Address address) {
  request->Number(NDA_DST, htonl(address.value));
}

}  // namespace

absl::Status EnsureNeighbour(uint32_t bridge, const Lease& machine) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  netlink::Message request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  request.Header(Entry(bridge));
  AddAddress(&request, machine.address);
  const MacBytes mac = BytesOfMac(machine.mac);
  request.Bytes(NDA_LLADDR, {reinterpret_cast<const char*>(mac.data()), mac.size()});
  return socket.Demand(request, "adding a machine's neighbour entry");
}

absl::Status RemoveNeighbour(uint32_t bridge, const Lease& machine) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  netlink::Message request(RTM_DELNEIGH, 0);
  request.Header(Entry(bridge));
  AddAddress(&request, machine.address);
  FLATVM_ASSIGN_OR_RETURN(const int error, socket.Ask(request));
  // ENODEV: the bridge is gone, and its entries with it.
  if (error == 0 || error == ENOENT || error == ENODEV) return absl::OkStatus();
  return base::ErrnoError(error, "removing a machine's neighbour entry");
}

}  // namespace flatvm::network
