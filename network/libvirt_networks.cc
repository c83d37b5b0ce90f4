#include "network/libvirt_networks.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/errors.h"
#include "daemon/libvirt/handles.h"
#include "network/lease_entries.h"
#include "network/network_stamps.h"
#include "network/network_xml.h"

namespace flatvm::network {
namespace {

using libvirt::LastError;
using libvirt::NetworkPtr;

struct Freer {
  void operator()(void* memory) const { std::free(memory); }
};

absl::StatusOr<NetworkDescription> Describe(virNetworkPtr network) {
  const libvirt::TextPtr xml(virNetworkGetXMLDesc(network, 0));
  if (xml == nullptr) return LastError("reading a network");
  return ParseNetworkXml(xml.get());
}

// That network, or nothing. Errors: INTERNAL if one of its name is not flatvm's.
absl::StatusOr<std::optional<LiveNetwork>> FindNetwork(virConnectPtr connection,
                                                       const NetworkId& id) {
  const std::string name = NetworkName(id);
  NetworkPtr network(virNetworkLookupByName(connection, name.c_str()));
  if (network == nullptr) {
    const absl::Status error = LastError("looking a network up");
    if (absl::IsNotFound(error)) return std::nullopt;
    return error;
  }
  FLATVM_ASSIGN_OR_RETURN(NetworkDescription description, Describe(network.get()));
  if (description.Id() != id) {
    return base::InternalError(base::StrCat(
        "libvirt network ", name, " is not flatvm's: rename it, or name the tenant's otherwise"));
  }
  return LiveNetwork{.handle = std::move(network), .description = std::move(description)};
}

// Those of all tenants.
absl::StatusOr<std::vector<LiveNetwork>> ListLive(virConnectPtr connection) {
  virNetworkPtr* found = nullptr;
  const int count = virConnectListAllNetworks(connection, &found, 0);
  if (count < 0) return LastError("listing networks");
  const std::unique_ptr<virNetworkPtr, Freer> list(found);
  std::vector<LiveNetwork> all(static_cast<size_t>(count));
  for (size_t i = 0; i < all.size(); ++i) all[i].handle = NetworkPtr(found[i]);
  std::vector<LiveNetwork> networks;
  for (LiveNetwork& network : all) {
    absl::StatusOr<NetworkDescription> description = Describe(network.handle.get());
    if (absl::IsNotFound(description.status())) continue;  // gone since it was listed
    if (!description.ok()) return description.status();
    network.description = *std::move(description);
    const std::string name = virNetworkGetName(network.handle.get());
    if (NetworkName(network.description.Id()) == name) networks.push_back(std::move(network));
  }
  return networks;
}

// Stops it, and forgets it if somebody has made it persistent.
absl::Status Destroy(virNetworkPtr network) {
  const int persistent = virNetworkIsPersistent(network);
  const int active = virNetworkIsActive(network);
  if (persistent < 0 || active < 0) return LastError("asking for a network's state");
  if (persistent == 1 && virNetworkUndefine(network) != 0) return LastError("undefining a network");
  if (active == 1 && virNetworkDestroy(network) != 0) return LastError("stopping a network");
  return absl::OkStatus();
}

}  // namespace

NetworkSpec LibvirtNetworks::Possible(const NetworkSpec& spec) {
  NetworkSpec possible = spec;
  if (!spec.prefix || host_.HasIpv6()) return possible;
  possible.prefix.reset();
  if (!told_of_ipv6_.exchange(true)) {
    log_.Log(base::LogLevel::kWarning,
             "the kernel has no IPv6: tenants' networks are made without their prefixes");
  }
  return possible;
}

absl::Status LibvirtNetworks::EnsureNetwork(const NetworkSpec& asked) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkSpec(asked));
  const NetworkSpec spec = Possible(asked);
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(std::optional<LiveNetwork> live,
                          FindNetwork(connection.get(), spec.Id()));
  NetworkStamps stamps;
  stamps.begin = NetworkStamps::Clock::now();
  FLATVM_RETURN_IF_ERROR(host_.EnsureFilter(spec));
  stamps.filtered = NetworkStamps::Clock::now();
  if (live) {
    FLATVM_ASSIGN_OR_RETURN(const BridgeState bridge,
                            host_.GetBridgeState(live->description.bridge));
    if (bridge != BridgeState::kAbsent && MatchesExceptLeases(live->description, spec) &&
        virNetworkIsActive(live->handle.get()) == 1) {
      FLATVM_RETURN_IF_ERROR(host_.EnsureGuard(spec));
      return AlignLeases(*live, spec.leases, host_, log_);
    }
    if (bridge == BridgeState::kInUse) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kNetworkInUse,
                             base::StrCat("libvirt network ", NetworkName(spec.Id()),
                                          " is not as recorded, and machines are on it"));
    }
    FLATVM_RETURN_IF_ERROR(Destroy(live->handle.get()));
  }
  NetworkSpec wanted = spec;
  if (wanted.mtu == 0) {
    FLATVM_ASSIGN_OR_RETURN(wanted.mtu, host_.GetUplinkMtu());
  }
  const NetworkPtr made(virNetworkCreateXML(connection.get(), BuildNetworkXml(wanted).c_str()));
  if (made == nullptr) return LastError("creating a network");
  stamps.made = NetworkStamps::Clock::now();
  // Before a machine can be on it.
  FLATVM_RETURN_IF_ERROR(host_.EnsureGuard(spec));
  stamps.guarded = NetworkStamps::Clock::now();
  log_.Log(base::LogLevel::kInfo,
           base::StrCat("made network ", NetworkName(spec.Id()), ": ", stamps.ToString()),
           base::LogFields{.tenant = spec.tenant});
  return absl::OkStatus();
}

absl::Status LibvirtNetworks::RemoveNetwork(const NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(spec.Id()));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::optional<LiveNetwork> live,
                          FindNetwork(connection.get(), spec.Id()));
  if (live) FLATVM_RETURN_IF_ERROR(Destroy(live->handle.get()));
  return host_.RemoveFilter(spec.subnet, spec.prefix);
}

absl::Status LibvirtNetworks::AddLease(const NetworkId& id, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(std::optional<LiveNetwork> live, FindNetwork(connection.get(), id));
  if (!live) return base::InternalError(base::StrCat("no network ", NetworkName(id)));
  FLATVM_RETURN_IF_ERROR(EnsureEntry(*live, lease));
  return host_.AddMachine(live->description.bridge, lease);
}

absl::Status LibvirtNetworks::RemoveLease(const NetworkId& id, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(std::optional<LiveNetwork> live, FindNetwork(connection.get(), id));
  if (!live) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(host_.RemoveMachine(live->description.bridge, lease));
  if (HasEntry(*live, lease)) return RemoveEntry(*live, lease, host_, log_);
  // A removal that was cut short may have left the lease.
  return Release(*live, lease, host_);
}

absl::Status LibvirtNetworks::SetRules(const NetworkId& id, const Ipv4Subnet& subnet,
                                       const NetworkRules& rules) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(CheckForwards(rules.forwards));
  return host_.SetRules(subnet, rules);
}

absl::StatusOr<std::vector<NetworkId>> LibvirtNetworks::ListNetworks() {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<LiveNetwork> networks, ListLive(connection.get()));
  std::vector<NetworkId> ids;
  ids.reserve(networks.size());
  for (const LiveNetwork& network : networks) ids.push_back(network.description.Id());
  std::sort(ids.begin(), ids.end());
  return ids;
}

absl::Status LibvirtNetworks::StartDeadServers() {
  FLATVM_ASSIGN_OR_RETURN(const std::set<Ipv4Address> serving, host_.ListDnsServers());
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<LiveNetwork> networks, ListLive(connection.get()));
  for (const auto& [network, live] : networks) {
    const bool served = live.leases.empty() || serving.contains(live.gateway);
    if (served || virNetworkIsActive(network.get()) != 1) continue;
    const absl::Status started = TouchEntry(network.get(), live.Id(), live.leases.front());
    log_.Log(
        started.ok() ? base::LogLevel::kWarning : base::LogLevel::kError,
        base::StrCat("the DHCP and DNS server of network ", NetworkName(live.Id()), " had ended",
                     started.ok() ? "; it was started anew" : " and does not start: ",
                     base::Message(started)),
        base::LogFields{.tenant = live.tenant});
  }
  return absl::OkStatus();
}

}  // namespace flatvm::network
