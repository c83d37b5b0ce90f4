#include "network/bridge_vlans.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/netlink/socket.h"

namespace flatvm::network {
namespace {

constexpr uint16_t kOnly = BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED;

ifinfomsg LinkHeader(unsigned char family, uint32_t interface) {
  ifinfomsg header{};
  header.ifi_family = family;
  header.ifi_index = static_cast<int>(interface);
  return header;
}

// All attributes of VLANs in a port's IFLA_AF_SPEC.
std::vector<PortVlan> ReadVlans(std::string_view attributes) {
  std::vector<PortVlan> vlans;
  while (attributes.size() >= sizeof(nlattr)) {
    nlattr header{};
    std::memcpy(&header, attributes.data(), sizeof(header));
    const size_t length = header.nla_len;
    if (length < sizeof(header) || length > attributes.size()) break;
    bridge_vlan_info info{};
    if (header.nla_type == IFLA_BRIDGE_VLAN_INFO && length >= sizeof(header) + sizeof(info)) {
      std::memcpy(&info, attributes.data() + sizeof(header), sizeof(info));
      vlans.push_back({.id = info.vid, .flags = info.flags});
    }
    const size_t aligned = (length + NLA_ALIGNTO - 1) & ~size_t{NLA_ALIGNTO - 1};
    attributes.remove_prefix(std::min(attributes.size(), aligned));
  }
  return vlans;
}

netlink::Message VlanRequest(uint16_t type, uint32_t port, PortVlan vlan) {
  const bridge_vlan_info info{.flags = vlan.flags, .vid = vlan.id};
  netlink::Message request(type, 0);
  request.Header(LinkHeader(AF_BRIDGE, port));
  const size_t spec = request.Begin(IFLA_AF_SPEC);
  request.Bytes(IFLA_BRIDGE_VLAN_INFO, {reinterpret_cast<const char*>(&info), sizeof(info)});
  request.End(spec);
  return request;
}

}  // namespace

BridgeKind ReadBridgeKind(const netlink::Received& message) {
  const std::string_view link =
      netlink::FindAttribute(message.Attributes(sizeof(ifinfomsg)), IFLA_LINKINFO)
          .value_or(std::string_view());
  if (netlink::FindText(link, IFLA_INFO_KIND) != "bridge") return BridgeKind::kNoBridge;
  const std::string_view data =
      netlink::FindAttribute(link, IFLA_INFO_DATA).value_or(std::string_view());
  const auto filters = netlink::FindAttribute(data, IFLA_BR_VLAN_FILTERING);
  const bool on = filters && !filters->empty() && filters->front() != 0;
  return on ? BridgeKind::kFiltersVlans : BridgeKind::kPlain;
}

absl::StatusOr<BridgeKind> FindBridge(const std::string& name) {
  const uint32_t index = ::if_nametoindex(name.c_str());
  if (index == 0) return BridgeKind::kAbsent;
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  netlink::Message request(RTM_GETLINK, 0);
  request.Header(LinkHeader(AF_UNSPEC, index));
  BridgeKind kind = BridgeKind::kAbsent;
  FLATVM_RETURN_IF_ERROR(socket.Dump(request, [&](const netlink::Received& message) {
    if (message.header.nlmsg_type == RTM_NEWLINK) kind = ReadBridgeKind(message);
  }));
  return kind;
}

absl::StatusOr<std::vector<PortVlan>> ListVlans(uint32_t port) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  netlink::Message request(RTM_GETLINK, NLM_F_DUMP);
  request.Header(LinkHeader(AF_BRIDGE, 0)).Number(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
  std::vector<PortVlan> vlans;
  FLATVM_RETURN_IF_ERROR(socket.Dump(request, [&](const netlink::Received& message) {
    if (message.header.nlmsg_type != RTM_NEWLINK) return;
    if (static_cast<uint32_t>(message.As<ifinfomsg>().ifi_index) != port) return;
    vlans = ReadVlans(netlink::FindAttribute(message.Attributes(sizeof(ifinfomsg)), IFLA_AF_SPEC)
                          .value_or(std::string_view()));
  }));
  return vlans;
}

bool IsOnlyVlan(const std::vector<PortVlan>& vlans, uint32_t vlan) {
  return vlans.size() == 1 && vlans[0].id == vlan && (vlans[0].flags & kOnly) == kOnly;
}

absl::Status EnsureOnlyVlan(uint32_t port, uint32_t vlan) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<PortVlan> vlans, ListVlans(port));
  if (IsOnlyVlan(vlans, vlan)) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  const PortVlan wanted{.id = static_cast<uint16_t>(vlan), .flags = kOnly};
  FLATVM_RETURN_IF_ERROR(
      socket.Demand(VlanRequest(RTM_SETLINK, port, wanted), "giving a port its VLAN"));
  for (const PortVlan& other : vlans) {
    if (other.id == wanted.id) continue;
    FLATVM_RETURN_IF_ERROR(socket.Demand(VlanRequest(RTM_DELLINK, port, {.id = other.id}),
                                         "taking a port out of a VLAN"));
  }
  FLATVM_ASSIGN_OR_RETURN(const std::vector<PortVlan> now, ListVlans(port));
  if (IsOnlyVlan(now, vlan)) return absl::OkStatus();
  return base::InternalError(base::StrCat("a port does not stay in VLAN ", vlan, " alone"));
}

}  // namespace flatvm::network
