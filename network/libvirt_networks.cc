#include "network/libvirt_networks.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/errors.h"
#include "daemon/libvirt/handles.h"
#include "network/network_stamps.h"
#include "network/network_xml.h"

namespace flatvm::network {
namespace {

using libvirt::LastError;
using libvirt::NetworkPtr;

// A live network of flatvm's with what it is now.
struct LiveNetwork {
  NetworkPtr handle;
  NetworkDescription description;
};

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
  NetworkSpec spec = Possible(asked);
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::optional<LiveNetwork> live,
                          FindNetwork(connection.get(), spec.Id()));
  NetworkStamps stamps;
  stamps.begin = NetworkStamps::Clock::now();
  FLATVM_RETURN_IF_ERROR(host_.EnsureFilter(spec));
  stamps.filtered = NetworkStamps::Clock::now();
  if (live) {
    FLATVM_ASSIGN_OR_RETURN(const BridgeState bridge,
                            host_.GetBridgeState(live->description.bridge));
    if (bridge != BridgeState::kAbsent && Matches(live->description, spec) &&
        virNetworkIsActive(live->handle.get()) == 1) {
      spec.mtu = live->description.mtu;
      FLATVM_RETURN_IF_ERROR(host_.EnsureGuard(spec));
      return servers_.Ensure(spec, BridgeAge::kAsBefore);
    }
    if (bridge == BridgeState::kInUse) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kNetworkInUse,
                             base::StrCat("libvirt network ", NetworkName(spec.Id()),
                                          " is not as recorded, and machines are on it"));
    }
    FLATVM_RETURN_IF_ERROR(servers_.Remove(live->description.bridge));
    FLATVM_RETURN_IF_ERROR(Destroy(live->handle.get()));
  }
  if (spec.mtu == 0) {
    FLATVM_ASSIGN_OR_RETURN(spec.mtu, host_.GetUplinkMtu());
  }
  const NetworkPtr made(virNetworkCreateXML(connection.get(), BuildNetworkXml(spec).c_str()));
  if (made == nullptr) return LastError("creating a network");
  stamps.made = NetworkStamps::Clock::now();
  // Before a machine can be on it.
  FLATVM_RETURN_IF_ERROR(host_.EnsureGuard(spec));
  stamps.guarded = NetworkStamps::Clock::now();
  FLATVM_RETURN_IF_ERROR(servers_.Ensure(spec, BridgeAge::kNew));
  stamps.served = NetworkStamps::Clock::now();
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
  FLATVM_RETURN_IF_ERROR(servers_.Remove(BridgeName(spec.subnet)));
  if (live) FLATVM_RETURN_IF_ERROR(Destroy(live->handle.get()));
  return host_.RemoveFilter(spec.subnet, spec.prefix);
}

absl::Status LibvirtNetworks::AddLease(const NetworkId& id, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::optional<LiveNetwork> live, FindNetwork(connection.get(), id));
  if (!live) return base::InternalError(base::StrCat("no network ", NetworkName(id)));
  FLATVM_RETURN_IF_ERROR(servers_.AddMachine(live->description.bridge, lease));
  return host_.AddMachine(live->description.bridge, lease);
}

absl::Status LibvirtNetworks::RemoveLease(const NetworkId& id, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::optional<LiveNetwork> live, FindNetwork(connection.get(), id));
  if (!live) return absl::OkStatus();
  const NetworkDescription& network = live->description;
  FLATVM_RETURN_IF_ERROR(host_.RemoveMachine(network.bridge, lease));
  FLATVM_RETURN_IF_ERROR(servers_.RemoveMachine(network.bridge, lease));
  // Behind it, so that it gets no new one. A removal that was cut short may have left it.
  return host_.ReleaseLease(network.bridge, network.gateway, lease);
}

absl::Status LibvirtNetworks::SetRules(const NetworkId& id, const Ipv4Subnet& subnet,
                                       const NetworkRules& rules) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkId(id));
  FLATVM_RETURN_IF_ERROR(CheckForwards(rules.forwards));
  return host_.SetRules(subnet, rules);
}

absl::StatusOr<std::vector<NetworkId>> LibvirtNetworks::ListNetworks() {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  virNetworkPtr* found = nullptr;
  const int count = virConnectListAllNetworks(connection.get(), &found, 0);
  if (count < 0) return LastError("listing networks");
  const std::unique_ptr<virNetworkPtr, Freer> list(found);
  std::vector<NetworkPtr> all(found, found + count);
  std::vector<NetworkId> ids;
  for (const NetworkPtr& network : all) {
    const absl::StatusOr<NetworkDescription> description = Describe(network.get());
    if (absl::IsNotFound(description.status())) continue;  // gone since it was listed
    if (!description.ok()) return description.status();
    const NetworkId id = description->Id();
    if (NetworkName(id) == virNetworkGetName(network.get())) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace flatvm::network
