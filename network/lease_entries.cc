#include "network/lease_entries.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/errors.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::network {
namespace {

using libvirt::LastError;

// dnsmasq reads the release and runs libvirt's lease program: some milliseconds.
constexpr std::chrono::milliseconds kReleaseWait{5000};
constexpr std::chrono::milliseconds kReleasePoll{5};

struct Freer {
  void operator()(void* memory) const { std::free(memory); }
};

absl::Status Update(virNetworkPtr network, virNetworkUpdateCommand command,
                    virNetworkUpdateSection section, const std::string& xml) {
  constexpr int kFirstAddress = -1;  // "the <ip> that has <dhcp>, or else the first"
  if (virNetworkUpdate(network, command, section, kFirstAddress, xml.c_str(),
                       VIR_NETWORK_UPDATE_AFFECT_LIVE) == 0) {
    return absl::OkStatus();
  }
  return LastError("updating a network's hosts");
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

// Its name for IPv6, if it is to have one.
absl::Status EnsureName(LiveNetwork& live, const Lease& lease) {
  if (!live.description.prefix) return absl::OkStatus();
  const Ipv6Address address = AddressOf(*live.description.prefix, lease.mac);
  std::vector<Ipv6Address>& named = live.description.named;
  if (std::find(named.begin(), named.end(), address) != named.end()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(Update(live.handle.get(), VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
                                VIR_NETWORK_SECTION_DNS_HOST,
                                BuildNameXml(live.description.Id(), lease, address)));
  named.push_back(address);
  return absl::OkStatus();
}

absl::Status RemoveName(LiveNetwork& live, const Lease& lease) {
  if (!live.description.prefix) return absl::OkStatus();
  const Ipv6Address address = AddressOf(*live.description.prefix, lease.mac);
  std::vector<Ipv6Address>& named = live.description.named;
  const auto found = std::find(named.begin(), named.end(), address);
  if (found == named.end()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(Update(live.handle.get(), VIR_NETWORK_UPDATE_COMMAND_DELETE,
                                VIR_NETWORK_SECTION_DNS_HOST,
                                BuildNameXml(live.description.Id(), lease, address)));
  named.erase(found);
  return absl::OkStatus();
}

// For the last entry, with which dnsmasq's DHCP goes, and what was sent to it. Not for ever: a
// lease that is left expires in an hour, and its address is given to no other machine.
absl::Status AwaitRelease(const LiveNetwork& live, const Lease& lease, base::Logger& log) {
  const auto deadline = std::chrono::steady_clock::now() + kReleaseWait;
  for (;;) {
    FLATVM_ASSIGN_OR_RETURN(const bool given_out, IsGivenOut(live.handle.get(), lease));
    if (!given_out) return absl::OkStatus();
    if (std::chrono::steady_clock::now() > deadline) break;
    std::this_thread::sleep_for(kReleasePoll);
  }
  log.Log(base::LogLevel::kWarning,
          base::StrCat("dnsmasq keeps the DHCP lease of ", lease.address.ToString(),
                       " until it expires, ignoring"),
          base::LogFields{.tenant = live.description.tenant});
  return absl::OkStatus();
}

}  // namespace

absl::Status Release(const LiveNetwork& live, const Lease& lease, HostNetwork& host) {
  // Sent in any case: a lease of this moment may not have reached libvirt's list yet.
  const absl::Status sent =
      host.ReleaseLease(live.description.bridge, live.description.gateway, lease);
  if (sent.ok()) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const bool given_out, IsGivenOut(live.handle.get(), lease));
  return given_out ? sent : absl::OkStatus();
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
  FLATVM_RETURN_IF_ERROR(RemoveName(live, lease));
  if (leases.size() == 1) {
    FLATVM_RETURN_IF_ERROR(Release(live, lease, host));
    FLATVM_RETURN_IF_ERROR(AwaitRelease(live, lease, log));
  }
  FLATVM_RETURN_IF_ERROR(Update(live.handle.get(), VIR_NETWORK_UPDATE_COMMAND_DELETE,
                                VIR_NETWORK_SECTION_IP_DHCP_HOST, BuildHostMatchXml(lease)));
  leases.erase(std::remove(leases.begin(), leases.end(), lease), leases.end());
  return leases.empty() ? absl::OkStatus() : Release(live, lease, host);
}

absl::Status EnsureEntry(LiveNetwork& live, const Lease& lease) {
  if (!HasEntry(live, lease)) {
    FLATVM_RETURN_IF_ERROR(Update(live.handle.get(), VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
                                  VIR_NETWORK_SECTION_IP_DHCP_HOST,
                                  BuildHostXml(live.description.Id(), lease)));
    live.description.leases.push_back(lease);
  }
  return EnsureName(live, lease);
}

absl::Status AlignLeases(LiveNetwork& live, const std::vector<Lease>& wanted, HostNetwork& host,
                         base::Logger& log) {
  for (const Lease& lease : std::vector<Lease>(live.description.leases)) {
    if (std::find(wanted.begin(), wanted.end(), lease) == wanted.end()) {
      FLATVM_RETURN_IF_ERROR(RemoveEntry(live, lease, host, log));
    }
  }
  for (const Lease& lease : wanted) {
    FLATVM_RETURN_IF_ERROR(EnsureEntry(live, lease));
  }
  return absl::OkStatus();
}

absl::Status TouchEntry(virNetworkPtr network, const NetworkId& id, const Lease& lease) {
  return Update(network, VIR_NETWORK_UPDATE_COMMAND_MODIFY, VIR_NETWORK_SECTION_IP_DHCP_HOST,
                BuildHostXml(id, lease));
}

}  // namespace flatvm::network
