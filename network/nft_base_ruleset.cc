#include "network/nft_base_ruleset.h"

#include "daemon/base/str_cat.h"

namespace flatvm::network {
namespace {

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
// by a map ends where the map has nothing, so verdicts are rules of their own. What connection
// tracking makes nothing of is not translated either: it would leave with its private address.
constexpr char kChains[] = R"(
add counter inet flatvm ipv6
add counter inet flatvm spoofed
add counter inet flatvm to_host
add counter inet flatvm to_elsewhere
add counter inet flatvm to_link_local
add counter inet flatvm untranslated
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
add rule inet flatvm from_tenant oifname @uplinks ct state invalid,untracked counter name untranslated goto refused
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

}  // namespace

std::string BuildTableAndSets() { return kTableAndSets; }

std::string BuildBaseRuleset(const std::vector<std::string>& uplinks) {
  std::string text = base::StrCat(kTableAndSets, "flush set inet ", kNftTable, " uplinks\n");
  for (const std::string& uplink : uplinks) {
    base::StrAppend(&text, "add element inet ", kNftTable, " uplinks { \"", uplink, "\" }\n");
  }
  return text + kChains;
}

}  // namespace flatvm::network
