// Bridges of the operator's that tenants' machines are plugged into, as TenantNetworks of kBridge
// need them. The real one is KernelBridges; the seam lets tests do without a kernel.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// Thread-safe; every call blocks on the kernel. Errors of every call: INTERNAL.
class OperatorBridges {
 public:
  virtual ~OperatorBridges() = default;

  // Whether its bridge is one that machines may be on, in its VLAN. Errors: also
  // FAILED_PRECONDITION / kBridgeUnusable, naming "bridge" or "vlan".
  virtual absl::Status Check(const NetworkSpec& spec) = 0;
  // Remembers the network, and that its leases' machines may be on its bridge, in the place of what
  // was remembered of it; holds those machines' ports, now and when they come, to the machines'
  // hardware addresses, to their VLAN, to be no DHCP server and no router, and to the ceilings. A
  // port with a machine's name is shut until that is so. Ports of others are left alone. Errors: as
  // Check's.
  virtual absl::Status Ensure(const NetworkSpec& spec) = 0;
  // Forgets it, and its machines, whose ports are shut; OK if it is not known.
  virtual absl::Status Remove(const NetworkId& id) = 0;
  virtual bool Has(const NetworkId& id) = 0;
  // One machine more, or less; OK if it is just so. Errors: as Ensure's; INTERNAL if AddMachine's
  // network is not known, or its MAC or name is another's there.
  virtual absl::Status AddMachine(const NetworkId& id, const Lease& machine) = 0;
  virtual absl::Status RemoveMachine(const NetworkId& id, const Lease& machine) = 0;
  // In the place of those of its spec. Errors: as Ensure's; INTERNAL if it is not known.
  virtual absl::Status SetCeilings(const NetworkId& id, const Ceilings& ceilings) = 0;
  virtual std::vector<NetworkId> List() = 0;  // sorted
};

}  // namespace flatvm::network
