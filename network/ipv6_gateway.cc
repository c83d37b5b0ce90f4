#include "network/ipv6_gateway.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/kernel_settings.h"
#include "network/netlink/message.h"
#include "network/netlink/socket.h"
#include "network/tenant_networks.h"

namespace flatvm::network {
namespace {

constexpr uint8_t kPrefixBits = 64;

struct Setting {
  const char* name;
  const char* value;
};
// In this order: no address is made up, and nobody believed, from the moment on that it speaks.
constexpr Setting kSettings[] = {
    {"accept_ra", "0"}, {"autoconf", "0"}, {"addr_gen_mode", "1"}, {"disable_ipv6", "0"}};

std::string_view BytesOf(const Ipv6Address& address) {
  return {reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()};
}

// Asks for that address alone, however many there are.
absl::StatusOr<bool> HasAddress(netlink::Socket& socket, uint32_t bridge,
                                const Ipv6Address& address) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET6;
  header.ifa_index = bridge;
  netlink::Message request(RTM_GETADDR, 0);
  request.Header(header).Bytes(IFA_LOCAL, BytesOf(address));
  uint8_t prefix_bits = 0;
  FLATVM_ASSIGN_OR_RETURN(const int error, socket.Ask(request, [&](const netlink::Received& one) {
    if (one.header.nlmsg_type == RTM_NEWADDR) prefix_bits = one.As<ifaddrmsg>().ifa_prefixlen;
  }));
  if (error == EADDRNOTAVAIL) return false;
  if (error != 0) return base::ErrnoError(error, "looking for a tenant's bridge's IPv6 address");
  return prefix_bits == kPrefixBits;
}

// Looks first: the kernel tells everybody of an address that is made what it is already, and who
// advertises prefixes then lists all of the host's.
absl::Status EnsureAddress(netlink::Socket& socket, uint32_t bridge, const Ipv6Address& address,
                           uint8_t scope) {
  FLATVM_ASSIGN_OR_RETURN(const bool there, HasAddress(socket, bridge, address));
  if (there) return absl::OkStatus();
  ifaddrmsg header{};
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = kPrefixBits;
  header.ifa_flags = IFA_F_NODAD;  // nobody else's port lets it in
  header.ifa_scope = scope;
  header.ifa_index = bridge;
  netlink::Message request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
  request.Header(header).Bytes(IFA_LOCAL, BytesOf(address)).Bytes(IFA_ADDRESS, BytesOf(address));
  return socket.Demand(request, "giving a tenant's bridge its IPv6 address");
}

absl::Status EnsureGateway(const std::string& bridge, const Ipv4Subnet& subnet,
                           const Ipv6Prefix& prefix) {
  const std::string folder = base::StrCat("/proc/sys/net/ipv6/conf/", bridge, "/");
  if (::access(folder.c_str(), F_OK) != 0) return absl::OkStatus();
  for (const Setting& setting : kSettings) {
    FLATVM_RETURN_IF_ERROR(EnsureSetting(base::StrCat(folder, setting.name), setting.value));
  }
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  const uint32_t index = ::if_nametoindex(bridge.c_str());
  if (index == 0) return absl::OkStatus();  // it would mean every interface
  FLATVM_RETURN_IF_ERROR(EnsureAddress(socket, index, LinkLocalGateway(subnet), RT_SCOPE_LINK));
  return EnsureAddress(socket, index, prefix.Gateway(), RT_SCOPE_UNIVERSE);
}

}  // namespace

absl::Status EnsureIpv6Gateway(const Ipv4Subnet& subnet, const Ipv6Prefix& prefix) {
  const std::string bridge = BridgeName(subnet);
  const absl::Status ensured = EnsureGateway(bridge, subnet, prefix);
  // Whatever failed on the way (ENOENT, ENODEV) does not matter for one that is gone by now.
  return ::if_nametoindex(bridge.c_str()) == 0 ? absl::OkStatus() : ensured;
}

}  // namespace flatvm::network
