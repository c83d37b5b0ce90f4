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
constexpr char kDnsmasqUri[] = "http://libvirt.org/schemas/network/dnsmasq/1.0";
constexpr size_t kMacLength = 17;
constexpr uint32_t kAdvertiseSeconds = 600;  // machines that boot ask for it

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

// A host name stands in one comma-separated line with keywords and times in dnsmasq's hosts file,
// where a machine called "ignore", "infinite" or "60m" would not be one; with its domain it always
// is.
std::string QualifiedName(const NetworkId& id, const std::string& hostname) {
  return base::StrCat(hostname, ".", DnsDomain(id));
}

void AppendHost(pugi::xml_node parent, const NetworkId& id, const Lease& lease) {
  pugi::xml_node host = parent.append_child("host");
  Set(host, "mac", lease.mac);
  Set(host, "name", QualifiedName(id, lease.hostname));
  Set(host, "ip", lease.address.ToString());
}

void AppendName(pugi::xml_node parent, const NetworkId& id, const Lease& lease,
                const Ipv6Address& address) {
  pugi::xml_node host = parent.append_child("host");
  Set(host, "ip", address.ToString());
  host.append_child("hostname").text().set(QualifiedName(id, lease.hostname).c_str());
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

// Advertisements of a prefix, and of no router: IPv6 leads nowhere else. Nor of a DNS server, which
// dnsmasq otherwise adds: DHCP names one, and guests whose address is not the one they may have
// would ask it in vain.
std::vector<std::string> Ipv6Options(const NetworkSpec& spec) {
  if (!spec.prefix) return {};
  const std::string prefix = spec.prefix->ToString();
  return {"enable-ra", "dhcp-option=option6:dns-server",
          base::StrCat("dhcp-range=", prefix.substr(0, prefix.find('/')), ",ra-only,64"),
          base::StrCat("ra-param=", BridgeName(spec.subnet), ",", kAdvertiseSeconds, ",0")};
}

// What dnsmasq is told beyond what libvirt has words for. Without a way out of the machines' own,
// it asks no server of the host's for them either: questions are a way out, too.
std::vector<std::string> ModeOptions(const NetworkSpec& spec) {
  switch (spec.mode) {
    case NetworkMode::kNat:
      return {};
    case NetworkMode::kIsolated:
      return {"no-resolv", "dhcp-option=3"};  // no router
    case NetworkMode::kBridge:
    case NetworkMode::kViaPrimary:
      break;
  }
  const Lease* const primary = FindPrimary(spec.leases);
  if (primary == nullptr) return {};  // CheckNetworkSpec refuses that
  return {"no-resolv", base::StrCat("dhcp-mac=set:primary,", primary->mac),
          base::StrCat("dhcp-option=tag:!primary,3,", primary->address.ToString())};
}

void AppendDnsmasqOptions(pugi::xml_node network, const NetworkSpec& spec) {
  std::vector<std::string> options = ModeOptions(spec);
  for (std::string& option : Ipv6Options(spec)) options.push_back(std::move(option));
  if (options.empty()) return;
  Set(network, "xmlns:dnsmasq", kDnsmasqUri);
  pugi::xml_node list = network.append_child("dnsmasq:options");
  for (const std::string& option : options) {
    Set(list.append_child("dnsmasq:option"), "value", option);
  }
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

Lease ReadHost(const NetworkId& id, const pugi::xml_node& host) {
  Lease lease{.hostname = host.attribute("name").value(), .mac = host.attribute("mac").value()};
  const std::string suffix = base::StrCat(".", DnsDomain(id));
  if (lease.hostname.size() > suffix.size() && lease.hostname.ends_with(suffix)) {
    lease.hostname.resize(lease.hostname.size() - suffix.size());
  }
  if (const auto address = ParseIpv4Address("ip", host.attribute("ip").value()); address.ok()) {
    lease.address = *address;
  }
  return lease;
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
  if (spec.prefix && !spec.leases.empty()) {
    pugi::xml_node dns = network.append_child("dns");
    for (const Lease& lease : spec.leases) {
      AppendName(dns, spec.Id(), lease, AddressOf(*spec.prefix, lease.mac));
    }
  }
  pugi::xml_node ip = network.append_child("ip");
  Set(ip, "address", spec.subnet.Gateway().ToString());
  Set(ip, "netmask", spec.subnet.Netmask());
  if (!spec.leases.empty()) {
    // Hosts and no <range>: libvirt then tells dnsmasq to serve these machines and no other.
    pugi::xml_node dhcp = ip.append_child("dhcp");
    for (const Lease& lease : spec.leases) AppendHost(dhcp, spec.Id(), lease);
  }
  AppendDnsmasqOptions(network, spec);
  return Print(network);
}

std::string BuildHostXml(const NetworkId& id, const Lease& lease) {
  pugi::xml_document document;
  AppendHost(document, id, lease);
  return Print(document.first_child());
}

std::string BuildNameXml(const NetworkId& id, const Lease& lease, const Ipv6Address& address) {
  pugi::xml_document document;
  AppendName(document, id, lease, address);
  return Print(document.first_child());
}

std::string BuildHostMatchXml(const Lease& lease) {
  pugi::xml_document document;
  pugi::xml_node host = document.append_child("host");
  Set(host, "mac", lease.mac);
  Set(host, "ip", lease.address.ToString());
  return Print(host);
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
                                 .netmask = ip.attribute("netmask").value()};
  if (const auto gateway = ParseIpv4Address("address", ip.attribute("address").value());
      gateway.ok()) {
    description.gateway = *gateway;
  }
  if (const auto prefix =
          ParseIpv6Prefix("prefix", OwnElement(network).attribute("prefix").value());
      prefix.ok()) {
    description.prefix = *prefix;
  }
  for (const pugi::xml_node host : network.child("dns").children("host")) {
    if (const auto address = ParseIpv6Address("ip", host.attribute("ip").value()); address.ok()) {
      description.named.push_back(*address);
    }
  }
  for (const pugi::xml_node host : ip.child("dhcp").children("host")) {
    description.leases.push_back(ReadHost(id, host));
  }
  return description;
}

bool MatchesExceptLeases(const NetworkDescription& live, const NetworkSpec& spec) {
  return live.Id() == spec.Id() && live.bridge == BridgeName(spec.subnet) &&
         live.forward_mode == kForwardMode && live.mode == ModeText(spec.mode) &&
         live.prefix == spec.prefix && live.domain == DnsDomain(spec.Id()) &&
         live.gateway == spec.subnet.Gateway() && live.netmask == spec.subnet.Netmask();
}

}  // namespace flatvm::network
