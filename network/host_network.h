// What LibvirtNetworks needs of the host beside libvirt. The real one is KernelNetwork; the seam
// lets libvirt's in-memory test driver stand below LibvirtNetworks without a kernel to act on.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

enum class BridgeState {
  kAbsent,
  kFree,   // no machine attached
  kInUse,  // at least one
};

// Thread-safe; every call blocks on the kernel. Errors of every call: INTERNAL.
class HostNetwork {
 public:
  virtual ~HostNetwork() = default;

  // Filter, NAT and forwarding for the tenant, by `spec`'s mode. Idempotent.
  virtual absl::Status EnsureFilter(const NetworkSpec& spec) = 0;

  // What keeps the tenant apart while the filter is not there, because somebody flushed it: on its
  // bridge, which is there, on the ports of `spec`'s machines, and on the uplinks. Ports of others
  // are shut. Its ceilings go with it. Idempotent.
  virtual absl::Status EnsureGuard(const NetworkSpec& spec) = 0;

  // One machine more, or less, on a bridge that is guarded: its port, now or when it comes, lets in
  // what the machine may send, and the host knows its hardware address without asking. OK if it is
  // just so.
  virtual absl::Status AddMachine(const std::string& bridge, const Lease& machine) = 0;
  virtual absl::Status RemoveMachine(const std::string& bridge, const Lease& machine) = 0;

  // As TenantNetworks', for the machines that EnsureGuard and AddMachine named.
  virtual absl::Status SetRules(const Ipv4Subnet& subnet, const NetworkRules& rules) = 0;

  virtual absl::StatusOr<std::set<std::pair<Protocol, uint16_t>>> ListHostPorts() = 0;

  // Takes the tenant's share of the filter away, and what was counted for it; OK if it is not
  // there. Its bridge's guard goes with the bridge. `prefix`: what EnsureFilter may have had, of an
  // earlier flatvmd's, too.
  virtual absl::Status RemoveFilter(const Ipv4Subnet& subnet,
                                    const std::optional<Ipv6Prefix>& prefix) = 0;

  // As TenantNetworks'.
  virtual absl::StatusOr<Traffic> GetTraffic(const Ipv4Subnet& subnet) = 0;

  // Whether the kernel speaks IPv6 at all: without it there is nothing to advertise.
  virtual bool HasIpv6() = 0;

  // What a tenant's network is to have, so that its frames fit the way out; 0: nothing is known.
  virtual absl::StatusOr<uint32_t> GetUplinkMtu() = 0;

  virtual absl::StatusOr<BridgeState> GetBridgeState(const std::string& bridge) = 0;

  // Asks the DHCP server at `gateway` on `bridge` to forget a lease. Does not wait for it. OK if
  // the bridge is gone.
  virtual absl::Status ReleaseLease(const std::string& bridge, Ipv4Address gateway,
                                    const Lease& lease) = 0;
};

}  // namespace flatvm::network
