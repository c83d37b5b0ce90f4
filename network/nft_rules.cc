#include "network/nft_rules.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/address_pool.h"
#include "network/tenant_networks.h"

namespace flatvm::network {
namespace {

constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ less the terminating zero

// The set `uplinks` apart, every element begins with a bridge.
//   sources:  which addresses may speak on a bridge
//   gateways: the one address of the host that a bridge may speak to
//   dual:     bridges with IPv6; sources6 and gateways6 as above, link-local addresses among them
//   hairpins: bridge . the same bridge; nftables cannot compare two fields of a packet
//   exits:    bridges whose machines may leave by an uplink
//   routed:   bridges on which the primary is the others' router: a host with br_netfilter judges
//             here, too, what machines of one bridge send each other, and that comes from anywhere
//   routers:  the primary on those, which alone may leave
//   forwards: host ports, and to which machine's they lead
//   forwarded: the other way round: what of machines such ports lead to
//   …_of:     the tenant's counters, and the limit of what one program hears from all tenants
constexpr char kTableAndSets[] = R"(
add table inet flatvm
add set inet flatvm uplinks { type ifname; }
add set inet flatvm sources { type ifname . ipv4_addr; flags interval; }
add set inet flatvm gateways { type ifname . ipv4_addr; }
add set inet flatvm dual { type ifname; }
add set inet flatvm sources6 { type ifname . ipv6_addr; flags interval; }
add set inet flatvm gateways6 { type ifname . ipv6_addr; }
add set inet flatvm hairpins { type ifname . ifname; }
add set inet flatvm exits { type ifname; }
add set inet flatvm routed { type ifname; }
add set inet flatvm routers { type ifname . ipv4_addr; }
add map inet flatvm forwards { type inet_proto . inet_service : ipv4_addr . inet_service; }
add set inet flatvm forwarded { type ifname . ipv4_addr . inet_proto . inet_service; }
add map inet flatvm accepted_of { type ifname : counter; }
add map inet flatvm spoofed_of { type ifname : counter; }
add map inet flatvm refused_of { type ifname : counter; }
add map inet flatvm solicitations_of { type ifname : limit; }
)";

// The mark is guard::kJudgedMark: the bridges' guards let nobody in without it. A drop is final
// whatever other tables say; an accept only ends our own chain. Priority: before the tables that
// stand at filter (0), so that theirs do not count or log what we drop anyway. A rule that counts
// by a map ends where the map has nothing, so verdicts are rules of their own.
constexpr char kChains[] = R"(
add counter inet flatvm ipv6
add counter inet flatvm spoofed
add counter inet flatvm to_host
add counter inet flatvm to_elsewhere
add counter inet flatvm to_link_local
add counter inet flatvm unsolicited
add chain inet flatvm input { type filter hook input priority filter - 10; policy accept; }
add chain inet flatvm forward { type filter hook forward priority filter - 10; policy accept; }
add chain inet flatvm prerouting { type nat hook prerouting priority dstnat; policy accept; }
add chain inet flatvm postrouting { type nat hook postrouting priority srcnat; policy accept; }
add chain inet flatvm from_tenant_to_host
add chain inet flatvm from_tenant_to_host6
add chain inet flatvm from_tenant
add chain inet flatvm to_tenant
add chain inet flatvm accepted
add chain inet flatvm spoofed
add chain inet flatvm refused
flush chain inet flatvm input
flush chain inet flatvm forward
flush chain inet flatvm prerouting
flush chain inet flatvm postrouting
flush chain inet flatvm from_tenant_to_host
flush chain inet flatvm from_tenant_to_host6
flush chain inet flatvm from_tenant
flush chain inet flatvm to_tenant
flush chain inet flatvm accepted
flush chain inet flatvm spoofed
flush chain inet flatvm refused

add rule inet flatvm input iifname "fv-*" jump from_tenant_to_host
add rule inet flatvm forward iifname "fv-*" jump from_tenant
add rule inet flatvm forward oifname "fv-*" jump to_tenant
add rule inet flatvm prerouting iifname @uplinks fib daddr type local dnat ip to meta l4proto . th dport map @forwards
add rule inet flatvm postrouting meta nfproto ipv4 iifname "fv-*" oifname @uplinks masquerade

add rule inet flatvm accepted counter name iifname map @accepted_of
add rule inet flatvm accepted accept
add rule inet flatvm spoofed counter name iifname map @spoofed_of
add rule inet flatvm spoofed counter name spoofed drop
add rule inet flatvm refused counter name iifname map @refused_of
add rule inet flatvm refused drop

add rule inet flatvm from_tenant_to_host meta nfproto ipv6 goto from_tenant_to_host6
add rule inet flatvm from_tenant_to_host ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 goto accepted
add rule inet flatvm from_tenant_to_host iifname . ip saddr != @sources goto spoofed
add rule inet flatvm from_tenant_to_host ip daddr 255.255.255.255 udp sport 68 udp dport 67 goto accepted
add rule inet flatvm from_tenant_to_host iifname . ip daddr != @gateways counter name to_host goto refused
add rule inet flatvm from_tenant_to_host udp dport { 53, 67 } goto accepted
add rule inet flatvm from_tenant_to_host tcp dport 53 goto accepted
add rule inet flatvm from_tenant_to_host icmp type echo-request goto accepted
add rule inet flatvm from_tenant_to_host counter name to_host goto refused

add rule inet flatvm from_tenant_to_host6 icmpv6 type nd-router-solicit limit name iifname map @solicitations_of goto refused
add rule inet flatvm from_tenant_to_host6 iifname @dual ip6 daddr ff02::/16 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 goto accepted
add rule inet flatvm from_tenant_to_host6 iifname . ip6 daddr != @gateways6 counter name ipv6 goto refused
add rule inet flatvm from_tenant_to_host6 iifname . ip6 saddr != @sources6 goto spoofed
add rule inet flatvm from_tenant_to_host6 icmpv6 type { nd-router-solicit, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 goto accepted
add rule inet flatvm from_tenant_to_host6 udp dport 53 goto accepted
add rule inet flatvm from_tenant_to_host6 tcp dport 53 goto accepted
add rule inet flatvm from_tenant_to_host6 icmpv6 type echo-request goto accepted
add rule inet flatvm from_tenant_to_host6 counter name to_host goto refused

add rule inet flatvm from_tenant meta nfproto ipv6 iifname @dual iifname . oifname @hairpins goto accepted
add rule inet flatvm from_tenant meta nfproto ipv6 counter name ipv6 goto refused
add rule inet flatvm from_tenant iifname @routed iifname . oifname @hairpins goto accepted
add rule inet flatvm from_tenant iifname . ip saddr != @sources goto spoofed
add rule inet flatvm from_tenant iifname . oifname @hairpins meta mark set meta mark or 0x01000000 goto accepted
add rule inet flatvm from_tenant ip daddr 169.254.0.0/16 counter name to_link_local goto refused
add rule inet flatvm from_tenant iifname @exits oifname @uplinks goto accepted
add rule inet flatvm from_tenant iifname . ip saddr @routers oifname @uplinks goto accepted
add rule inet flatvm from_tenant counter name to_elsewhere goto refused

add rule inet flatvm to_tenant meta nfproto ipv6 counter name ipv6 drop
add rule inet flatvm to_tenant iifname @uplinks ct state established,related meta mark set meta mark or 0x01000000 accept
add rule inet flatvm to_tenant iifname @uplinks ct status dnat oifname . ip daddr . meta l4proto . th dport @forwarded meta mark set meta mark or 0x01000000 accept
add rule inet flatvm to_tenant counter name unsolicited
add rule inet flatvm to_tenant counter name oifname map @refused_of
add rule inet flatvm to_tenant drop
)";

// Of router solicitations: three a machine that boots (RFC 4861), for a hundred that boot at a
// time.
constexpr char kSolicitations[] = " { rate over 10/second burst 300 packets }";

constexpr const char* kKinds[] = {"accepted", "spoofed", "refused"};

std::string Quoted(const std::string& interface) { return base::StrCat("\"", interface, "\""); }

std::string CounterName(const char* kind, const Ipv4Subnet& subnet) {
  return base::StrCat(kind, "-", BridgeName(subnet));
}

std::string Element(const char* verb, const std::string& set, const std::string& value) {
  return base::StrCat(verb, " element inet ", kNftTable, " ", set, " { ", value, " }\n");
}

std::string Ipv6Elements(const char* verb, const Ipv4Subnet& subnet, const Ipv6Prefix& prefix) {
  const std::string bridge = Quoted(BridgeName(subnet));
  const auto on_bridge = [&](const char* set, const std::string& value) {
    return Element(verb, set, base::StrCat(bridge, " . ", value));
  };
  return base::StrCat(Element(verb, "dual", bridge), on_bridge("sources6", prefix.ToString()),
                      on_bridge("sources6", kLinkLocal.ToString()),
                      on_bridge("gateways6", prefix.Gateway().ToString()),
                      on_bridge("gateways6", LinkLocalGateway(subnet).ToString()));
}

std::string LimitName(const Ipv4Subnet& subnet) {
  return base::StrCat("solicitations-", BridgeName(subnet));
}

// `verb` is "add" or "delete".
std::string TenantElements(const char* verb, const TenantRules& tenant) {
  const Ipv4Subnet& subnet = tenant.subnet;
  const std::string bridge = Quoted(BridgeName(subnet));
  std::string text = base::StrCat(
      Element(verb, "sources", base::StrCat(bridge, " . ", subnet.ToString())),
      Element(verb, "gateways", base::StrCat(bridge, " . ", subnet.Gateway().ToString())),
      Element(verb, "hairpins", base::StrCat(bridge, " . ", bridge)));
  for (const char* kind : kKinds) {
    text += Element(verb, base::StrCat(kind, "_of"),
                    base::StrCat(bridge, " : ", Quoted(CounterName(kind, subnet))));
  }
  text += Element(verb, "solicitations_of", base::StrCat(bridge, " : ", Quoted(LimitName(subnet))));
  if (tenant.prefix) text += Ipv6Elements(verb, subnet, *tenant.prefix);
  return text;
}

// Who may leave: what is not of `mode` is taken away, whoever left it there. nullopt: nobody.
std::string WaysOut(const TenantRules& tenant, std::optional<NetworkMode> mode) {
  const std::string bridge = Quoted(BridgeName(tenant.subnet));
  const auto way = [](const char* set, const std::string& value, bool wanted) {
    const std::string added = Element("add", set, value);
    return wanted ? added : added + Element("delete", set, value);
  };
  std::string text = way("exits", bridge, mode == NetworkMode::kNat) +
                     way("routed", bridge, mode == NetworkMode::kViaPrimary);
  if (tenant.primary == Ipv4Address{}) return text;
  return text + way("routers", base::StrCat(bridge, " . ", tenant.primary.ToString()),
                    mode == NetworkMode::kViaPrimary);
}

// Objects stand before the elements that name them, and go after.
std::string TenantCounters(const char* verb, const Ipv4Subnet& subnet) {
  std::string text;
  for (const char* kind : kKinds) {
    base::StrAppend(&text, verb, " counter inet ", kNftTable, " ", CounterName(kind, subnet), "\n");
  }
  return text;
}

std::string TenantObjects(const std::string& verb, const Ipv4Subnet& subnet) {
  return base::StrCat(TenantCounters(verb.c_str(), subnet), verb, " limit inet ", kNftTable, " ",
                      LimitName(subnet), verb == "add" ? kSolicitations : "", "\n");
}

constexpr char kFlushTenants[] = R"(
flush set inet flatvm sources
flush set inet flatvm gateways
flush set inet flatvm dual
flush set inet flatvm sources6
flush set inet flatvm gateways6
flush set inet flatvm hairpins
flush set inet flatvm exits
flush set inet flatvm routed
flush set inet flatvm routers
flush map inet flatvm accepted_of
flush map inet flatvm spoofed_of
flush map inet flatvm refused_of
flush map inet flatvm solicitations_of
)";

}  // namespace

absl::Status CheckInterfaceName(std::string_view field, std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '@' || c == '-';
  };
  if (!name.empty() && name.size() <= kMaxInterfaceName && name != "." && name != ".." &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return absl::OkStatus();
  }
  return base::FieldError(base::Reason::kFieldMalformed, field,
                          "must be an interface name: 1 to 15 of A-Z, a-z, 0-9, '_', '.', '@' "
                          "and '-'");
}

std::string BuildBaseRuleset(const std::vector<std::string>& uplinks) {
  std::string text = base::StrCat(kTableAndSets, "flush set inet ", kNftTable, " uplinks\n");
  for (const std::string& uplink : uplinks) {
    base::StrAppend(&text, "add element inet ", kNftTable, " uplinks { ", Quoted(uplink), " }\n");
  }
  return text + kChains;
}

std::string BuildRestore(const std::vector<std::string>& uplinks,
                         const std::vector<TenantRules>& tenants, Others others) {
  std::string text = BuildBaseRuleset(uplinks);
  if (others == Others::kGo) text += kFlushTenants;
  for (const TenantRules& tenant : tenants) text += BuildAddTenant(tenant);
  return text;
}

std::string BuildAnew(const std::vector<std::string>& uplinks,
                      const std::vector<TenantRules>& tenants) {
  // A delete of what is not there would fail: it is added first.
  return base::StrCat("add table inet ", kNftTable, "\ndelete table inet ", kNftTable, "\n",
                      BuildRestore(uplinks, tenants));
}

std::string BuildAddTenant(const TenantRules& tenant) {
  return base::StrCat(TenantObjects("add", tenant.subnet), TenantElements("add", tenant),
                      WaysOut(tenant, tenant.mode));
}

std::string BuildRemoveTenant(const TenantRules& tenant) {
  // A delete of what is not there would fail the transaction: everything is added first.
  const Ipv4Subnet& subnet = tenant.subnet;
  return base::StrCat(kTableAndSets, TenantObjects("add", subnet), TenantElements("add", tenant),
                      TenantElements("delete", tenant), TenantObjects("delete", subnet),
                      WaysOut(tenant, std::nullopt));
}

std::string BuildListCounters(const Ipv4Subnet& subnet) { return TenantCounters("list", subnet); }

Traffic ParseCounters(std::string_view listing, const Ipv4Subnet& subnet) {
  Traffic traffic;
  for (const auto& [kind, field] : {std::pair{kKinds[0], &Traffic::accepted},
                                    {kKinds[1], &Traffic::spoofed},
                                    {kKinds[2], &Traffic::refused}}) {
    const std::string name = base::StrCat("counter ", CounterName(kind, subnet), " {");
    const size_t at = listing.find(name);
    if (at == std::string_view::npos) continue;
    constexpr std::string_view kPackets = "packets ";
    const size_t packets = listing.find(kPackets, at);
    if (packets == std::string_view::npos) continue;
    const char* const end = listing.data() + listing.size();
    std::from_chars(listing.data() + packets + kPackets.size(), end, traffic.*field);
  }
  return traffic;
}

}  // namespace flatvm::network
