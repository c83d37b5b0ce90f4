#include "network/nft_rules.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/tenant_networks.h"

namespace flatvm::network {
namespace {

constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ less the terminating zero

// The set `uplinks` apart, every element begins with a bridge.
//   sources:  which addresses may speak on a bridge
//   gateways: the one address of the host that a bridge may speak to
//   hairpins: bridge . the same bridge; nftables cannot compare two fields of a packet
constexpr char kTableAndSets[] = R"(
add table inet flatvm
add set inet flatvm uplinks { type ifname; }
add set inet flatvm sources { type ifname . ipv4_addr; flags interval; }
add set inet flatvm gateways { type ifname . ipv4_addr; }
add set inet flatvm hairpins { type ifname . ifname; }
)";

// The mark is guard::kJudgedMark: the bridges' guards let nobody in without it. A drop is final
// whatever other tables say; an accept only ends our own chain. Priority: before the tables that
// stand at filter (0), so that theirs do not count or log what we drop anyway.
constexpr char kChains[] = R"(
add counter inet flatvm ipv6
add counter inet flatvm spoofed
add counter inet flatvm to_host
add counter inet flatvm to_elsewhere
add counter inet flatvm to_link_local
add counter inet flatvm unsolicited
add chain inet flatvm input { type filter hook input priority filter - 10; policy accept; }
add chain inet flatvm forward { type filter hook forward priority filter - 10; policy accept; }
add chain inet flatvm postrouting { type nat hook postrouting priority srcnat; policy accept; }
add chain inet flatvm from_tenant_to_host
add chain inet flatvm from_tenant
add chain inet flatvm to_tenant
flush chain inet flatvm input
flush chain inet flatvm forward
flush chain inet flatvm postrouting
flush chain inet flatvm from_tenant_to_host
flush chain inet flatvm from_tenant
flush chain inet flatvm to_tenant

add rule inet flatvm input iifname "fv-*" jump from_tenant_to_host
add rule inet flatvm forward iifname "fv-*" jump from_tenant
add rule inet flatvm forward oifname "fv-*" jump to_tenant
add rule inet flatvm postrouting meta nfproto ipv4 iifname "fv-*" oifname @uplinks masquerade

add rule inet flatvm from_tenant_to_host meta nfproto ipv6 counter name ipv6 drop
add rule inet flatvm from_tenant_to_host ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
add rule inet flatvm from_tenant_to_host iifname . ip saddr != @sources counter name spoofed drop
add rule inet flatvm from_tenant_to_host ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
add rule inet flatvm from_tenant_to_host iifname . ip daddr != @gateways counter name to_host drop
add rule inet flatvm from_tenant_to_host udp dport { 53, 67 } accept
add rule inet flatvm from_tenant_to_host tcp dport 53 accept
add rule inet flatvm from_tenant_to_host icmp type echo-request accept
add rule inet flatvm from_tenant_to_host counter name to_host drop

add rule inet flatvm from_tenant meta nfproto ipv6 counter name ipv6 drop
add rule inet flatvm from_tenant iifname . ip saddr != @sources counter name spoofed drop
add rule inet flatvm from_tenant iifname . oifname @hairpins meta mark set meta mark or 0x01000000 accept
add rule inet flatvm from_tenant ip daddr 169.254.0.0/16 counter name to_link_local drop
add rule inet flatvm from_tenant oifname @uplinks accept
add rule inet flatvm from_tenant counter name to_elsewhere drop

add rule inet flatvm to_tenant meta nfproto ipv6 counter name ipv6 drop
add rule inet flatvm to_tenant iifname @uplinks ct state established,related meta mark set meta mark or 0x01000000 accept
add rule inet flatvm to_tenant counter name unsolicited drop
)";

std::string Quoted(const std::string& interface) { return base::StrCat("\"", interface, "\""); }

// `verb` is "add" or "delete".
std::string TenantElements(const char* verb, const Ipv4Subnet& subnet) {
  const std::string bridge = Quoted(BridgeName(subnet));
  const auto element = [verb, &bridge](const char* set, const std::string& second) {
    return base::StrCat(verb, " element inet ", kNftTable, " ", set, " { ", bridge, " . ", second,
                        " }\n");
  };
  return base::StrCat(element("sources", subnet.ToString()),
                      element("gateways", subnet.Gateway().ToString()),
                      element("hairpins", bridge));
}

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
                         const std::vector<Ipv4Subnet>& tenants) {
  std::string text = BuildBaseRuleset(uplinks);
  for (const char* set : {"sources", "gateways", "hairpins"}) {
    base::StrAppend(&text, "flush set inet ", kNftTable, " ", set, "\n");
  }
  for (const Ipv4Subnet& tenant : tenants) text += BuildAddTenant(tenant);
  return text;
}

std::string BuildAnew(const std::vector<std::string>& uplinks,
                      const std::vector<Ipv4Subnet>& tenants) {
  // A delete of what is not there would fail: it is added first.
  return base::StrCat("add table inet ", kNftTable, "\ndelete table inet ", kNftTable, "\n",
                      BuildRestore(uplinks, tenants));
}

std::string BuildAddTenant(const Ipv4Subnet& subnet) { return TenantElements("add", subnet); }

std::string BuildRemoveTenant(const Ipv4Subnet& subnet) {
  // A delete of what is not there would fail the transaction: everything is added first.
  return base::StrCat(kTableAndSets, TenantElements("add", subnet),
                      TenantElements("delete", subnet));
}

}  // namespace flatvm::network
