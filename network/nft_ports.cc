#include "network/nft_ports.h"

#include "daemon/base/str_cat.h"
#include "network/nft_base_ruleset.h"

namespace flatvm::network {
namespace {

constexpr char kSets[] = R"(
add table bridge flatvm
add set bridge flatvm ports { type ifname; }
add set bridge flatvm macs { type ifname . ether_addr; }
add set bridge flatvm addresses { type ifname . ipv4_addr; }
add set bridge flatvm addresses6 { type ifname . ipv6_addr; }
add set bridge flatvm targets { typeof meta iifname . @th,64,128; }
add set bridge flatvm routers { type ifname; }
add set bridge flatvm anywhere { type ifname; }
add set bridge flatvm inside { type ifname . ipv4_addr; flags interval; }
add map bridge flatvm spoofed_of { type ifname : counter; }
add map bridge flatvm refused_of { type ifname : counter; }
)";

// Before other tables' chains at that hook, and before the bridge decides where a frame goes, or
// which VLAN it is of. "fv52*" are machines' ports as base::TapName names them: hardware addresses
// that are given here begin with 52.
constexpr char kChains[] = R"(
add chain bridge flatvm prerouting { type filter hook prerouting priority -310; policy accept; }
add chain bridge flatvm postrouting { type filter hook postrouting priority 310; policy accept; }
add chain bridge flatvm port
add chain bridge flatvm no_server
add chain bridge flatvm spoofed
add chain bridge flatvm refused
flush chain bridge flatvm prerouting
flush chain bridge flatvm postrouting
flush chain bridge flatvm port
flush chain bridge flatvm no_server
flush chain bridge flatvm spoofed
flush chain bridge flatvm refused

add rule bridge flatvm prerouting iifname @ports jump port
add rule bridge flatvm prerouting iifname "fv52*" iifname != @ports drop
add rule bridge flatvm postrouting oifname "fv52*" oifname != @ports drop
add rule bridge flatvm spoofed counter name iifname map @spoofed_of
add rule bridge flatvm spoofed drop
add rule bridge flatvm refused counter name iifname map @refused_of
add rule bridge flatvm refused drop

add rule bridge flatvm port iifname . ether saddr != @macs goto spoofed
add rule bridge flatvm port ether type != { ip, arp, ip6 } goto refused
add rule bridge flatvm port ether type arp iifname . arp saddr ether != @macs goto spoofed
add rule bridge flatvm port iifname @anywhere goto no_server
add rule bridge flatvm port ether type arp arp saddr ip != 0.0.0.0 iifname . arp saddr ip != @addresses goto spoofed
add rule bridge flatvm port ether type ip ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
add rule bridge flatvm port ether type ip iifname @routers iifname . ip saddr != @inside goto no_server
add rule bridge flatvm port ether type ip iifname . ip saddr != @addresses goto spoofed
add rule bridge flatvm port ether type ip6 ip6 saddr != :: iifname . ip6 saddr != @addresses6 goto spoofed
add rule bridge flatvm port icmpv6 type nd-neighbor-advert meta iifname . @th,64,128 != @targets goto spoofed
add rule bridge flatvm port icmpv6 type nd-neighbor-solicit ip6 saddr :: meta iifname . @th,64,128 != @targets goto spoofed
add rule bridge flatvm port goto no_server
add rule bridge flatvm no_server udp sport { 67, 547 } goto spoofed
add rule bridge flatvm no_server udp dport { 68, 546 } goto spoofed
add rule bridge flatvm no_server icmp type { redirect, router-advertisement } goto spoofed
add rule bridge flatvm no_server icmpv6 type { nd-router-advert, nd-redirect, mld-listener-query } goto spoofed
)";

constexpr const char* kKinds[] = {"spoofed", "refused"};

std::string CounterName(const char* kind, const Ipv4Subnet& subnet) {
  return base::StrCat(kind, "-", BridgeName(subnet));
}

// As a target stands in a neighbour advertisement: nftables 1.0.6 has no name for that field.
std::string HexOf(const Ipv6Address& address) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : address.bytes) {
    text.push_back(kDigits[byte >> 4U]);
    text.push_back(kDigits[byte & 0xFU]);
  }
  return text;
}

// `verb` is "add", "delete" or "list".
std::string Counters(const char* verb, const Ipv4Subnet& subnet) {
  std::string text;
  for (const char* kind : kKinds) {
    base::StrAppend(&text, verb, " counter bridge ", kNftTable, " ", CounterName(kind, subnet),
                    "\n");
  }
  return text;
}

std::string Binding(const char* verb, const PortBinding& binding) {
  const std::string port = base::StrCat("\"", binding.port, "\"");
  const auto element = [verb](const char* set, const std::string& value) {
    return base::StrCat(verb, " element bridge ", kNftTable, " ", set, " { ", value, " }\n");
  };
  const auto counter = [&](const char* kind) {
    return base::StrCat(port, " : \"", CounterName(kind, binding.subnet), "\"");
  };
  std::string text;
  if (binding.routes) {
    text += element("routers", port) +
            element("inside", base::StrCat(port, " . ", binding.subnet.ToString()));
  }
  text += element("macs", base::StrCat(port, " . ", binding.mac));
  const auto add = [&](const Ipv6Address& address) {
    text += element("addresses6", base::StrCat(port, " . ", address.ToString())) +
            element("targets", base::StrCat(port, " . 0x", HexOf(address)));
  };
  if (binding.anywhere) {
    text += element("anywhere", port);
  } else {
    text += element("addresses", base::StrCat(port, " . ", binding.address.ToString()));
    add(binding.link_local);
    if (binding.address6) add(*binding.address6);
  }
  return base::StrCat(text, element("spoofed_of", counter("spoofed")),
                      element("refused_of", counter("refused")), element("ports", port));
}

}  // namespace

std::string BuildPortBase() { return base::StrCat(kSets, kChains); }

std::string BuildAddPortCounters(const Ipv4Subnet& subnet) { return Counters("add", subnet); }

std::string BuildBindPort(const PortBinding& binding) { return Binding("add", binding); }

std::string BuildUnbindPort(const PortBinding& binding) { return Binding("delete", binding); }

std::string BuildUnbindAllPorts() {
  std::string text;
  for (const char* what :
       {"set bridge flatvm ports", "set bridge flatvm macs", "set bridge flatvm addresses",
        "set bridge flatvm addresses6", "set bridge flatvm targets", "set bridge flatvm routers",
        "set bridge flatvm anywhere", "set bridge flatvm inside", "map bridge flatvm spoofed_of",
        "map bridge flatvm refused_of"}) {
    base::StrAppend(&text, "flush ", what, "\n");
  }
  return text;
}

std::string BuildListBoundPorts() {
  return base::StrCat("list map bridge ", kNftTable, " spoofed_of\n");
}

std::vector<std::string> ParseBoundPorts(std::string_view listing, const Ipv4Subnet& subnet) {
  // Each as "port" : "counter".
  const std::string counter = base::StrCat("\" : \"", CounterName(kKinds[0], subnet), "\"");
  std::vector<std::string> ports;
  for (size_t end = listing.find(counter); end != listing.npos;
       end = listing.find(counter, end + 1)) {
    const size_t begin = listing.rfind('"', end - 1);
    if (begin != listing.npos) ports.emplace_back(listing.substr(begin + 1, end - begin - 1));
  }
  return ports;
}

std::string BuildStopCounting(const std::string& port) {
  std::string text;
  for (const char* what : {"spoofed_of", "refused_of", "ports"}) {
    base::StrAppend(&text, "delete element bridge ", kNftTable, " ", what, " { \"", port, "\" }\n");
  }
  return text;
}

std::string BuildRemovePortCounters(const Ipv4Subnet& subnet) {
  return base::StrCat("add table bridge ", kNftTable, "\n", Counters("add", subnet),
                      Counters("delete", subnet));
}

std::string BuildListPortCounters(const Ipv4Subnet& subnet) { return Counters("list", subnet); }

}  // namespace flatvm::network
