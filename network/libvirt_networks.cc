#include "network/libvirt_networks.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <thread>
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

// dnsmasq reads the release and runs libvirt's lease program: some milliseconds.
constexpr std::chrono::milliseconds kReleaseWait{1000};
constexpr std::chrono::milliseconds kReleasePoll{5};

struct Freer {
  void operator()(void* memory) const { std::free(memory); }
};

// A live network of flatvm's with what it is now.
struct LiveNetwork {
  NetworkPtr handle;
  NetworkDescription description;
};

absl::StatusOr<NetworkDescription> Describe(virNetworkPtr network) {
  const libvirt::TextPtr xml(virNetworkGetXMLDesc(network, 0));
  if (xml == nullptr) return LastError("reading a network");
  return ParseNetworkXml(xml.get());
}

// The tenant's network, or nothing. Errors: INTERNAL if one of its name is not flatvm's.
absl::StatusOr<std::optional<LiveNetwork>> FindNetwork(virConnectPtr connection,
                                                       const std::string& tenant) {
  const std::string name = NetworkName(tenant);
  NetworkPtr network(virNetworkLookupByName(connection, name.c_str()));
  if (network == nullptr) {
    const absl::Status error = LastError("looking a network up");
    if (absl::IsNotFound(error)) return std::nullopt;
    return error;
  }
  FLATVM_ASSIGN_OR_RETURN(NetworkDescription description, Describe(network.get()));
  if (description.tenant != tenant) {
    return base::InternalError(base::StrCat(
        "libvirt network ", name, " is not flatvm's: rename it, or name the tenant otherwise"));
  }
  return LiveNetwork{.handle = std::move(network), .description = std::move(description)};
}

// Those of all tenants.
absl::StatusOr<std::vector<LiveNetwork>> ListNetworks(virConnectPtr connection) {
  virNetworkPtr* found = nullptr;
  const int count = virConnectListAllNetworks(connection, &found, 0);
  if (count < 0) return LastError("listing networks");
  const std::unique_ptr<virNetworkPtr, Freer> list(found);
  std::vector<LiveNetwork> all(static_cast<size_t>(count));
  for (size_t i = 0; i < all.size(); ++i) all[i].handle.reset(found[i]);
  std::vector<LiveNetwork> networks;
  for (LiveNetwork& network : all) {
    absl::StatusOr<NetworkDescription> description = Describe(network.handle.get());
    if (absl::IsNotFound(description.status())) continue;  // gone since it was listed
    if (!description.ok()) return description.status();
    network.description = *std::move(description);
    const std::string name = virNetworkGetName(network.handle.get());
    if (NetworkName(network.description.tenant) == name) networks.push_back(std::move(network));
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

absl::Status UpdateHost(virNetworkPtr network, virNetworkUpdateCommand command,
                        const std::string& host_xml) {
  constexpr int kFirstAddress = -1;  // "the <ip> that has <dhcp>, or else the first"
  if (virNetworkUpdate(network, command, VIR_NETWORK_SECTION_IP_DHCP_HOST, kFirstAddress,
                       host_xml.c_str(), VIR_NETWORK_UPDATE_AFFECT_LIVE) == 0) {
    return absl::OkStatus();
  }
  return LastError("updating a network's DHCP hosts");
}

// Whether dnsmasq has given `lease` out.
absl::StatusOr<bool> IsGivenOut(virNetworkPtr network, const Lease& lease) {
  virNetworkDHCPLeasePtr* leases = nullptr;
  const int count = virNetworkGetDHCPLeases(network, lease.mac.c_str(), &leases, 0);
  if (count < 0) {
    // A driver without DHCP, such as libvirt's in-memory one, has given out none.
    if (virGetLastErrorCode() == VIR_ERR_NO_SUPPORT) return false;
    return LastError("reading a network's DHCP leases");
  }
  const std::unique_ptr<virNetworkDHCPLeasePtr, Freer> list(leases);
  const std::string address = lease.address.ToString();
  bool found = false;
  for (int i = 0; i < count; ++i) {
    found = found || address == leases[i]->ipaddr;
    virNetworkDHCPLeaseFree(leases[i]);
  }
  return found;
}

// Makes dnsmasq forget what it may have given out for `lease`. Waits for that, but not for ever:
// what is left over expires.
absl::Status Release(const LiveNetwork& live, const Lease& lease, HostNetwork& host,
                     base::Logger& log) {
  // Sent in any case: a lease of this moment may not have reached libvirt's list yet.
  const absl::Status sent =
      host.ReleaseLease(live.description.bridge, live.description.gateway, lease);
  FLATVM_ASSIGN_OR_RETURN(bool given_out, IsGivenOut(live.handle.get(), lease));
  if (!given_out) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(sent);
  const auto deadline = std::chrono::steady_clock::now() + kReleaseWait;
  while (given_out && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kReleasePoll);
    FLATVM_ASSIGN_OR_RETURN(given_out, IsGivenOut(live.handle.get(), lease));
  }
  if (given_out) {
    log.Log(base::LogLevel::kWarning,
            base::StrCat("dnsmasq keeps the DHCP lease of ", lease.address.ToString(),
                         " until it expires, ignoring"),
            base::LogFields{.tenant = live.description.tenant});
  }
  return absl::OkStatus();
}

bool HasEntry(const LiveNetwork& live, const Lease& lease) {
  const std::vector<Lease>& leases = live.description.leases;
  return std::find(leases.begin(), leases.end(), lease) != leases.end();
}

// Entry first, so that the machine gets no new lease; but dnsmasq serves no DHCP once the last
// entry is gone.
absl::Status RemoveEntry(LiveNetwork& live, const Lease& lease, HostNetwork& host,
                         base::Logger& log) {
  std::vector<Lease>& leases = live.description.leases;
  if (leases.size() == 1) FLATVM_RETURN_IF_ERROR(Release(live, lease, host, log));
  FLATVM_RETURN_IF_ERROR(
      UpdateHost(live.handle.get(), VIR_NETWORK_UPDATE_COMMAND_DELETE, BuildHostMatchXml(lease)));
  leases.erase(std::remove(leases.begin(), leases.end(), lease), leases.end());
  return leases.empty() ? absl::OkStatus() : Release(live, lease, host, log);
}

absl::Status AddEntry(LiveNetwork& live, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(UpdateHost(live.handle.get(), VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
                                    BuildHostXml(live.description.tenant, lease)));
  live.description.leases.push_back(lease);
  return absl::OkStatus();
}

// Removes entries that nobody asked for, then adds what is missing: a name or address may have
// changed hands.
absl::Status AlignLeases(LiveNetwork& live, const std::vector<Lease>& wanted, HostNetwork& host,
                         base::Logger& log) {
  for (const Lease& lease : std::vector<Lease>(live.description.leases)) {
    if (std::find(wanted.begin(), wanted.end(), lease) == wanted.end()) {
      FLATVM_RETURN_IF_ERROR(RemoveEntry(live, lease, host, log));
    }
  }
  for (const Lease& lease : wanted) {
    if (!HasEntry(live, lease)) FLATVM_RETURN_IF_ERROR(AddEntry(live, lease));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status LibvirtNetworks::EnsureNetwork(const NetworkSpec& spec) {
  FLATVM_RETURN_IF_ERROR(CheckNetworkSpec(spec));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(std::optional<LiveNetwork> live,
                          FindNetwork(connection.get(), spec.tenant));
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
                             base::StrCat("libvirt network ", NetworkName(spec.tenant),
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
           base::StrCat("made network ", NetworkName(spec.tenant), ": ", stamps.ToString()),
           base::LogFields{.tenant = spec.tenant});
  return absl::OkStatus();
}

absl::Status LibvirtNetworks::RemoveNetwork(const std::string& tenant, const Ipv4Subnet& subnet) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("tenant", tenant));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::optional<LiveNetwork> live,
                          FindNetwork(connection.get(), tenant));
  if (live) FLATVM_RETURN_IF_ERROR(Destroy(live->handle.get()));
  return host_.RemoveFilter(subnet);
}

absl::Status LibvirtNetworks::AddLease(const std::string& tenant, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("tenant", tenant));
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(std::optional<LiveNetwork> live, FindNetwork(connection.get(), tenant));
  if (!live) return base::InternalError(base::StrCat("no network ", NetworkName(tenant)));
  if (!HasEntry(*live, lease)) FLATVM_RETURN_IF_ERROR(AddEntry(*live, lease));
  return host_.AddMachine(live->description.bridge, lease);
}

absl::Status LibvirtNetworks::RemoveLease(const std::string& tenant, const Lease& lease) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("tenant", tenant));
  FLATVM_RETURN_IF_ERROR(CheckLease(lease));
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(std::optional<LiveNetwork> live, FindNetwork(connection.get(), tenant));
  if (!live) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(host_.RemoveMachine(live->description.bridge, lease));
  if (HasEntry(*live, lease)) return RemoveEntry(*live, lease, host_, log_);
  // A removal that was cut short may have left the lease.
  return Release(*live, lease, host_, log_);
}

absl::Status LibvirtNetworks::SetForwards(const std::string& tenant, const Ipv4Subnet& subnet,
                                          const std::vector<PortForward>& forwards) {
  FLATVM_RETURN_IF_ERROR(base::CheckName("tenant", tenant));
  FLATVM_RETURN_IF_ERROR(CheckForwards(forwards));
  return host_.SetForwards(subnet, forwards);
}

absl::StatusOr<std::vector<std::string>> LibvirtNetworks::ListTenants() {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<LiveNetwork> networks, ListNetworks(connection.get()));
  std::vector<std::string> tenants;
  tenants.reserve(networks.size());
  for (const LiveNetwork& network : networks) tenants.push_back(network.description.tenant);
  std::sort(tenants.begin(), tenants.end());
  return tenants;
}

absl::Status LibvirtNetworks::StartDeadServers() {
  FLATVM_ASSIGN_OR_RETURN(const std::set<Ipv4Address> serving, host_.ListDnsServers());
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<LiveNetwork> networks, ListNetworks(connection.get()));
  for (const auto& [network, live] : networks) {
    const bool served = live.leases.empty() || serving.contains(live.gateway);
    if (served || virNetworkIsActive(network.get()) != 1) continue;
    // An entry becomes what it is: libvirt tells its dnsmasq, and starts one that is not there.
    const absl::Status started = UpdateHost(network.get(), VIR_NETWORK_UPDATE_COMMAND_MODIFY,
                                            BuildHostXml(live.tenant, live.leases.front()));
    log_.Log(
        started.ok() ? base::LogLevel::kWarning : base::LogLevel::kError,
        base::StrCat("the DHCP and DNS server of network ", NetworkName(live.tenant), " had ended",
                     started.ok() ? "; it was started anew" : " and does not start: ",
                     base::Message(started)),
        base::LogFields{.tenant = live.tenant});
  }
  return absl::OkStatus();
}

}  // namespace flatvm::network
