#include "network/nft_rules.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "network/address_pool.h"
#include "network/nft_base_ruleset.h"
#include "network/tenant_networks.h"

namespace flatvm::network {
namespace {

constexpr size_t kMaxInterfaceName = 15;  // IFNAMSIZ less the terminating zero

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
  return base::StrCat(BuildTableAndSets(), TenantObjects("add", subnet),
                      TenantElements("add", tenant), TenantElements("delete", tenant),
                      TenantObjects("delete", subnet), WaysOut(tenant, std::nullopt));
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
