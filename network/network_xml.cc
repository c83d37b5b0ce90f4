#include "network/network_xml.h"

#include <pugixml.hpp>
#include <set>
#include <sstream>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/metadata.h"
#include "network/address_pool.h"

namespace flatvm::network {
namespace {

constexpr char kForwardMode[] = "open";  // libvirt routes but makes no rule: filtering is ours
constexpr char kMetadataElement[] = "flatvm:network";
constexpr size_t kMacLength = 17;

bool IsMac(std::string_view text) {
  if (text.size() != kMacLength) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (i % 3 == 2 ? c != ':' : !hex) return false;
  }
  return true;
}

void Set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}

std::string Print(const pugi::xml_node& node) {
  std::ostringstream text;
  node.print(text, "  ");
  return text.str();
}

const char* ModeText(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::kNat:
      return "nat";
    case NetworkMode::kIsolated:
      return "isolated";
    case NetworkMode::kViaPrimary:
      return "via-primary";
    case NetworkMode::kBridge:  // which libvirt does not know of
      break;
  }
  return "";
}

// Our own element in <metadata>; none if the network is not flatvm's.
pugi::xml_node OwnElement(const pugi::xml_node& network) {
  const pugi::xml_node ours = network.child("metadata").child(kMetadataElement);
  const bool is_ours =
      std::string_view(ours.attribute("xmlns:flatvm").value()) == libvirt::kMetadataUri;
  return is_ours ? ours : pugi::xml_node();
}

// What our own element in <metadata> names; without a tenant if the network is not flatvm's.
NetworkId IdOf(const pugi::xml_node& network) {
  const pugi::xml_node ours = OwnElement(network);
  NetworkId id{.tenant = ours.attribute("tenant").value(),
               .network = ours.attribute("name").as_string(kFirstNetwork)};
  return CheckNetworkId(id).ok() ? id : NetworkId();
}

// By libvirt, which does so but for a network without DHCP that says it wants no DNS.
bool IsServed(const pugi::xml_node& network) {
  const bool dns = std::string_view(network.child("dns").attribute("enable").value()) != "no";
  return dns || network.child("ip").child("dhcp");
}

}  // namespace

absl::Status CheckLease(const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("hostname", lease.hostname));
  if (IsMac(lease.mac)) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldMalformed, "mac",
                          "must be six lower-case hexadecimal pairs with ':' between them");
}

absl::Status CheckNetworkSpec(const NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(spec.Id()));
  AddressPool addresses(spec.subnet);
  std::set<std::string> names_and_macs;  // neither can be taken for the other
  for (const Lease& lease : spec.leases) {
    FLATVM_RETURN_IF_ERROR(CheckLease(lease));
    if (!addresses.Take(lease.address).ok()) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "address",
                              "must be a free machine's address in the tenant's subnet");
    }
    if (!names_and_macs.insert(lease.hostname).second || !names_and_macs.insert(lease.mac).second) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "leases",
                              "must not have a host name or MAC address twice");
    }
  }
  FLATVM_RETURN_IF_ERROR(CheckForwards(spec.forwards));
  if (spec.mode == NetworkMode::kViaPrimary && FindPrimary(spec.leases) == nullptr) {
    return base::FieldError(base::Reason::kFieldMissing, "leases",
                            "must have the primary's, by which the others leave");
  }
  return absl::OkStatus();
}

absl::Status CheckNetworkId(const NetworkId& id) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("tenant", id.tenant));
  return base::CheckName("network", id.network);
}

absl::Status CheckForwards(const std::vector<PortForward>& forwards) {
  std::set<std::pair<Protocol, uint16_t>> ports;
  for (const PortForward& forward : forwards) {
    FLATVM_RETURN_IF_ERROR(base::CheckName("forwards.machine", forward.machine));
    if (forward.host_port == 0 || forward.port == 0) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "forwards", "ports are 1..65535");
    }
    if (!ports.emplace(forward.protocol, forward.host_port).second) {
      return base::FieldError(base::Reason::kFieldOutOfRange, "forwards",
                              "must not have a host port twice");
    }
  }
  return absl::OkStatus();
}

std::string BuildNetworkXml(const NetworkSpec& spec) {
  pugi::xml_document document;
  pugi::xml_node network = document.append_child("network");
  network.append_child("name").text().set(NetworkName(spec.Id()).c_str());
  pugi::xml_node ours = network.append_child("metadata").append_child(kMetadataElement);
  Set(ours, "xmlns:flatvm", libvirt::kMetadataUri);
  Set(ours, "tenant", spec.tenant);
  if (!spec.Id().IsFirst()) Set(ours, "name", spec.network);
  Set(ours, "mode", ModeText(spec.mode));
  if (spec.prefix) Set(ours, "prefix", spec.prefix->ToString());
  Set(network.append_child("forward"), "mode", kForwardMode);
  pugi::xml_node bridge = network.append_child("bridge");
  Set(bridge, "name", BridgeName(spec.subnet));
  Set(bridge, "stp", "off");
  Set(bridge, "delay", "0");
  // Its machines' NICs get it from here, and the guests' drivers by virtio.
  if (spec.mtu != 0) Set(network.append_child("mtu"), "size", base::StrCat(spec.mtu));
  // The gateway's address too gets the MAC of the rule, so that machines find it where it was after
  // a host restart.
  Set(network.append_child("mac"), "address", MacFor(spec.subnet.Gateway()));
  pugi::xml_node domain = network.append_child("domain");
  Set(domain, "name", DnsDomain(spec.Id()));
  Set(domain, "localOnly", "yes");
  Set(network.append_child("dns"), "enable", "no");
  pugi::xml_node ip = network.append_child("ip");
  Set(ip, "address", spec.subnet.Gateway().ToString());
  Set(ip, "netmask", spec.subnet.Netmask());
  return Print(network);
}

absl::StatusOr<NetworkDescription> ParseNetworkXml(std::string_view xml) {
  pugi::xml_document document;
  const pugi::xml_parse_result result = document.load_buffer(xml.data(), xml.size());
  const pugi::xml_node network = document.child("network");
  if (!result || !network) return base::InternalError("libvirt's network XML cannot be read");
  const pugi::xml_node ip = network.child("ip");
  const NetworkId id = IdOf(network);
  NetworkDescription description{.tenant = id.tenant,
                                 .network = id.network,
                                 .bridge = network.child("bridge").attribute("name").value(),
                                 .forward_mode = network.child("forward").attribute("mode").value(),
                                 .mode = OwnElement(network).attribute("mode").as_string("nat"),
                                 .domain = network.child("domain").attribute("name").value(),
                                 .netmask = ip.attribute("netmask").value(),
                                 .mtu = network.child("mtu").attribute("size").as_uint(),
                                 .served = IsServed(network)};
  if (const auto gateway = ParseIpv4Address("address", ip.attribute("address").value());
      gateway.ok()) {
    description.gateway = *gateway;
  }
  if (const auto prefix =
          ParseIpv6Prefix("prefix", OwnElement(network).attribute("prefix").value());
      prefix.ok()) {
    description.prefix = *prefix;
  }
  return description;
}

bool Matches(const NetworkDescription& live, const NetworkSpec& spec) {
  return live.Id() == spec.Id() && !live.served && live.bridge == BridgeName(spec.subnet) &&
         live.forward_mode == kForwardMode && live.mode == ModeText(spec.mode) &&
         live.prefix == spec.prefix && live.domain == DnsDomain(spec.Id()) &&
         live.gateway == spec.subnet.Gateway() && live.netmask == spec.subnet.Netmask();
}

}  // namespace flatvm::network
