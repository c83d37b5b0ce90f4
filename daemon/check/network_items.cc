// Of what tenants' networks are made from: tried in a network namespace that nobody else sees.
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/check/check_host.h"
#include "network/uplink.h"

namespace flatvm::check {
namespace {

constexpr const char* kDnsmasq = "/usr/sbin/dnsmasq";
constexpr const char* kRoutes = "/proc/net/route";
constexpr const char* kAuto = "auto";

HostItem CheckBridge(const NetworkFacts& facts) {
  constexpr const char* kName = "bridge";
  if (facts.bridge.ok()) return {kName, ItemState::kOk, "can be made"};
  return {kName, ItemState::kFail,
          base::StrCat("none can be made, and no tenant's network: ", base::Message(facts.bridge),
                       "; modprobe bridge")};
}

HostItem CheckGuard(const NetworkFacts& facts) {
  constexpr const char* kName = "guard";
  if (facts.guard.ok() && facts.ceilings.ok()) {
    return {kName, ItemState::kOk, "the kernel takes the programs that keep tenants apart"};
  }
  if (facts.guard.ok()) {
    return {kName, ItemState::kWarn,
            base::StrCat("the kernel keeps tenants apart, but not to a ceiling of bandwidth, which "
                         "none can have (Linux 5.12 can): ",
                         base::Message(facts.ceilings))};
  }
  return {kName, ItemState::kFail,
          base::StrCat("the kernel does not take the programs that keep tenants apart, and no "
                       "tenant's network can be made: ",
                       base::Message(facts.guard), "; modprobe cls_bpf sch_ingress")};
}

HostItem CheckDnsmasq(Host& host) {
  constexpr const char* kName = "dnsmasq";
  if (host.Has(kDnsmasq, Use::kExecute)) return {kName, ItemState::kOk, "there"};
  return {kName, ItemState::kFail,
          base::StrCat(kDnsmasq,
                       " cannot be executed, which gives tenants' machines their addresses and "
                       "names; install the package dnsmasq-base")};
}

HostItem CheckUplink(Host& host, const config::Config& config) {
  constexpr const char* kName = "uplink";
  if (config.uplink != kAuto) {
    if (host.Has(base::StrCat("/sys/class/net/", config.uplink), Use::kFind)) {
      return {kName, ItemState::kOk, base::StrCat(config.uplink, ", as network.uplink says")};
    }
    return {kName, ItemState::kWarn,
            base::StrCat(config.uplink,
                         ", as network.uplink says, is not there: tenants reach nothing outside "
                         "the host")};
  }
  const absl::StatusOr<std::string> routes = host.ReadFile(kRoutes);
  std::string names;
  if (routes.ok()) {
    for (const std::string& name : network::ParseDefaultInterfaces(*routes)) {
      base::StrAppend(&names, names.empty() ? "" : ", ", name);
    }
  }
  if (!names.empty()) return {kName, ItemState::kOk, names};
  return {kName, ItemState::kWarn,
          "the host has no default route: tenants reach nothing outside it; add one, or set "
          "network.uplink"};
}

// What the bridge lacks; empty: nothing.
std::string LackOf(Host& host, const BridgedNetwork& network) {
  const std::string folder = base::StrCat("/sys/class/net/", network.bridge);
  if (!host.Has(folder, Use::kFind)) return "is not there";
  if (!host.Has(base::StrCat(folder, "/bridge"), Use::kFind)) return "is no bridge";
  if (network.vlan == 0) return "";
  const auto filters = host.ReadFile(base::StrCat(folder, "/bridge/vlan_filtering"));
  if (filters.ok() && filters->starts_with('1')) return "";
  return base::StrCat("does not filter VLANs: ip link set ", network.bridge,
                      " type bridge vlan_filtering 1");
}

HostItem CheckBridged(Host& host, const DaemonAnswer& answer) {
  constexpr const char* kName = "networks";
  if (!answer.status.ok()) {
    return {kName, ItemState::kOk, "flatvmd does not say whether tenants are on other bridges"};
  }
  std::string lacks;
  for (const BridgedNetwork& network : answer.bridged) {
    const std::string lack = LackOf(host, network);
    if (lack.empty()) continue;
    base::StrAppend(&lacks, lacks.empty() ? "" : "; ", network.bridge, ", of network ",
                    network.network, " of tenant ", network.tenant, ", ", lack);
  }
  if (!lacks.empty()) return {kName, ItemState::kFail, lacks};
  const size_t count = answer.bridged.size();
  if (count == 0) return {kName, ItemState::kOk, "none is on a bridge of the host's own"};
  return {kName, ItemState::kOk,
          base::StrCat(count, count == 1 ? " is" : " are", " on the host's own bridges, which ",
                       count == 1 ? "is" : "are", " there")};
}

}  // namespace

HostItems CheckNetwork(Host& host, const config::Config& config, const DaemonAnswer& answer) {
  const NetworkFacts facts = host.TryNetwork();
  return {CheckBridge(facts), CheckDnsmasq(host), CheckUplink(host, config),
          CheckBridged(host, answer), CheckGuard(facts)};
}

}  // namespace flatvm::check
