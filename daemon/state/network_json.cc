#include "daemon/state/network_json.h"

#include <array>
#include <cstdint>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::state {
namespace {

constexpr std::array<std::pair<network::NetworkMode, std::string_view>, 4> kNetworkModes = {
    {{network::NetworkMode::kNat, "nat"},
     {network::NetworkMode::kIsolated, "isolated"},
     {network::NetworkMode::kViaPrimary, "via-primary"},
     {network::NetworkMode::kBridge, "bridge"}}};

constexpr std::array<std::pair<network::Protocol, std::string_view>, 2> kProtocols = {
    {{network::Protocol::kTcp, "tcp"}, {network::Protocol::kUdp, "udp"}}};

uint16_t ReadPort(FieldReader& forward, const char* key) {
  const uint32_t port = forward.Number(key);
  if (port == 0 || port > UINT16_MAX) {
    forward.Keep(base::InternalError(base::StrCat("forwards.", key, ": is no port")));
  }
  return static_cast<uint16_t>(port);
}

uint64_t ReadRate(FieldReader& net, const char* key) {
  const int64_t rate = net.BigNumber(key);
  if (rate < 0) net.Keep(base::InternalError(base::StrCat("net.", key, ": is negative")));
  return rate < 0 ? 0 : static_cast<uint64_t>(rate);
}

bool IsBridged(const broker::NetworkRecord& network) {
  return network.mode == network::NetworkMode::kBridge;
}

}  // namespace

std::optional<network::Ipv6Prefix> ReadPrefix(FieldReader& reader) {
  const std::string text = reader.OptionalText("ipv6_prefix");
  if (text.empty()) return std::nullopt;
  const auto prefix = network::ParseIpv6Prefix("ipv6_prefix", text);
  reader.Keep(prefix.status());
  return prefix.ok() ? std::optional(*prefix) : std::nullopt;
}

std::string NetworkModeText(network::NetworkMode mode) { return NameOf(kNetworkModes, mode); }

network::NetworkMode ReadNetworkMode(FieldReader& reader) {
  if (!reader.Has("network_mode")) return network::NetworkMode::kNat;
  return ValueOf(kNetworkModes, "network_mode", reader);
}

Json ForwardsJson(const std::vector<network::PortForward>& forwards) {
  Json list = Json::array();
  for (const network::PortForward& forward : forwards) {
    list.push_back(Json{{"protocol", NameOf(kProtocols, forward.protocol)},
                        {"host_port", forward.host_port},
                        {"machine", forward.machine},
                        {"port", forward.port}});
  }
  return list;
}

std::vector<network::PortForward> ReadForwards(FieldReader& reader) {
  std::vector<network::PortForward> forwards;
  if (!reader.Has("forwards")) return forwards;
  for (FieldReader& forward : reader.Objects("forwards")) {
    forwards.push_back(network::PortForward{.protocol = ValueOf(kProtocols, "protocol", forward),
                                            .host_port = ReadPort(forward, "host_port"),
                                            .machine = forward.Text("machine"),
                                            .port = ReadPort(forward, "port")});
    reader.Keep(forward);
  }
  return forwards;
}

Json CeilingsJson(const network::Ceilings& ceilings) {
  return Json{{"out_bytes", ceilings.out},
              {"in_bytes", ceilings.in},
              {"vm_out_bytes", ceilings.vm_out},
              {"vm_in_bytes", ceilings.vm_in}};
}

network::Ceilings ReadCeilings(FieldReader& reader) {
  if (!reader.Has("net")) return {};
  FieldReader net = reader.Object("net");
  const network::Ceilings ceilings{.out = ReadRate(net, "out_bytes"),
                                   .in = ReadRate(net, "in_bytes"),
                                   .vm_out = ReadRate(net, "vm_out_bytes"),
                                   .vm_in = ReadRate(net, "vm_in_bytes")};
  reader.Keep(net);
  return ceilings;
}

Json NetworksJson(const std::vector<broker::NetworkRecord>& networks) {
  Json list = Json::array();
  for (const broker::NetworkRecord& network : networks) {
    list.push_back(Json{{"name", network.name},
                        {"mode", NetworkModeText(network.mode)},
                        {"subnet", IsBridged(network) ? "" : network.subnet.ToString()},
                        {"ipv6_prefix", network.prefix ? network.prefix->ToString() : ""},
                        {"bridge", network.bridge},
                        {"vlan", network.vlan},
                        {"request_id", network.request_id}});
  }
  return list;
}

std::vector<broker::NetworkRecord> ReadNetworks(FieldReader& reader) {
  std::vector<broker::NetworkRecord> networks;
  if (!reader.Has("networks")) return networks;
  for (FieldReader& item : reader.Objects("networks")) {
    broker::NetworkRecord& network = networks.emplace_back();
    network.name = item.Text("name");
    item.Keep(base::CheckName("name", network.name));
    network.mode = ValueOf(kNetworkModes, "mode", item);
    const std::string text = item.Text("subnet");
    if (!IsBridged(network)) {
      const auto subnet = network::ParseIpv4Subnet("subnet", text);
      item.Keep(subnet.status());
      network.subnet = subnet.value_or(network::Ipv4Subnet{});
    }
    network.bridge = item.OptionalText("bridge");
    network.vlan = item.OptionalNumber("vlan");
    network.prefix = ReadPrefix(item);
    network.request_id = item.Text("request_id");
    reader.Keep(item);
  }
  return networks;
}

network::Ipv4Address ReadIpv4Address(FieldReader& reader) {
  const auto address = network::ParseIpv4Address("address", reader.Text("address"));
  if (address.ok()) return *address;
  reader.Keep(base::InternalError("address: is no IPv4 address"));
  return {};
}

std::optional<network::Ipv6Address> ReadIpv6Address(FieldReader& reader) {
  const std::string text = reader.OptionalText("ipv6_address");
  if (text.empty()) return std::nullopt;
  const auto address = network::ParseIpv6Address("ipv6_address", text);
  reader.Keep(address.status());
  return address.ok() ? std::optional(*address) : std::nullopt;
}

// Empty for a NIC whose address others give it.
static network::Ipv4Address ReadOptionalAddress(FieldReader& reader) {
  return reader.Text("address").empty() ? network::Ipv4Address{} : ReadIpv4Address(reader);
}

Json NicsJson(const std::vector<broker::NicRecord>& nics) {
  Json list = Json::array();
  for (const broker::NicRecord& nic : nics) {
    list.push_back(Json{{"network", nic.network},
                        {"mac", nic.mac},
                        {"address", nic.address.value == 0 ? "" : nic.address.ToString()},
                        {"ipv6_address", nic.ipv6_address ? nic.ipv6_address->ToString() : ""}});
  }
  return list;
}

std::vector<broker::NicRecord> ReadNics(FieldReader& reader) {
  std::vector<broker::NicRecord> nics;
  if (!reader.Has("nics")) return nics;
  for (FieldReader& item : reader.Objects("nics")) {
    nics.push_back(broker::NicRecord{.network = item.Text("network"),
                                     .mac = item.Text("mac"),
                                     .address = ReadOptionalAddress(item),
                                     .ipv6_address = ReadIpv6Address(item)});
    reader.Keep(item);
  }
  return nics;
}

}  // namespace flatvm::state
