#include "network/ports.h"

#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "network/netlink/socket.h"

namespace flatvm::network {
namespace {

constexpr size_t kFirstByte = 2;  // its digits

std::string MacText(std::string_view bytes) {
  if (bytes.size() != ETH_ALEN) return {};
  const auto at = [bytes](size_t i) {
    return static_cast<unsigned>(static_cast<uint8_t>(bytes[i]));
  };
  char text[sizeof("00:00:00:00:00:00")];
  std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", at(0), at(1), at(2), at(3),
                at(4), at(5));
  return text;
}

}  // namespace

std::optional<Port> ReadPort(const netlink::Received& message) {
  if (message.header.nlmsg_type != RTM_NEWLINK) return std::nullopt;
  const std::string_view attributes = message.Attributes(sizeof(ifinfomsg));
  const std::optional<uint32_t> bridge = netlink::FindNumber(attributes, IFLA_MASTER);
  if (!bridge) return std::nullopt;
  return Port{.index = static_cast<uint32_t>(message.As<ifinfomsg>().ifi_index),
              .bridge = *bridge,
              .name = std::string(netlink::FindText(attributes, IFLA_IFNAME)),
              .mac = MacText(
                  netlink::FindAttribute(attributes, IFLA_ADDRESS).value_or(std::string_view()))};
}

std::optional<uint32_t> ReadChangedBridge(const netlink::Received& message) {
  // Of a port that leaves, the bridge says RTM_DELLINK; the interface says nothing of a bridge.
  const uint16_t type = message.header.nlmsg_type;
  if (type != RTM_NEWLINK && type != RTM_DELLINK) return std::nullopt;
  const std::string_view attributes = message.Attributes(sizeof(ifinfomsg));
  // Of itself it says whether it filters VLANs.
  const auto link = netlink::FindAttribute(attributes, IFLA_LINKINFO).value_or(std::string_view());
  if (netlink::FindText(link, IFLA_INFO_KIND) == "bridge") {
    return static_cast<uint32_t>(message.As<ifinfomsg>().ifi_index);
  }
  return netlink::FindNumber(attributes, IFLA_MASTER);
}

absl::StatusOr<std::vector<Port>> ListPorts(uint32_t bridge) {
  FLATVM_ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open(NETLINK_ROUTE));
  netlink::Message request(RTM_GETLINK, NLM_F_DUMP);
  request.Header(ifinfomsg{}).Number(IFLA_MASTER, bridge);
  std::vector<Port> ports;
  FLATVM_RETURN_IF_ERROR(socket.Dump(request, [&](const netlink::Received& message) {
    std::optional<Port> port = ReadPort(message);
    if (port && port->bridge == bridge) ports.push_back(*std::move(port));
  }));
  return ports;
}

MacBytes BytesOfMac(const std::string& mac) {
  MacBytes bytes{};
  constexpr size_t kStep = 3;  // two digits and a colon
  constexpr int kHex = 16;
  for (size_t i = 0; i < bytes.size() && i * kStep + 2 <= mac.size(); ++i) {
    const char* const digits = mac.data() + i * kStep;
    std::from_chars(digits, digits + 2, bytes[i], kHex);
  }
  return bytes;
}

bool IsThere(uint32_t interface) {
  char name[IF_NAMESIZE];
  return ::if_indextoname(interface, name) != nullptr;
}

const Lease* FindMachine(const Port& port, const std::vector<Lease>& machines) {
  for (const Lease& machine : machines) {
    if (port.name == base::TapName(machine.mac)) return &machine;
  }
  if (port.mac.size() <= kFirstByte) return nullptr;
  const std::string rest = port.mac.substr(kFirstByte);
  const auto found = std::find_if(machines.begin(), machines.end(), [&](const Lease& machine) {
    return machine.mac.size() > kFirstByte && machine.mac.substr(kFirstByte) == rest;
  });
  return found == machines.end() ? nullptr : &*found;
}

}  // namespace flatvm::network
