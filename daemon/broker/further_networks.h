// A tenant's networks beside its first: adding and removing them while the tenant runs. Who is on
// them is a secondary's business (vm_lifecycle.h).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/mode.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/tenant_lifecycle.h"

namespace flatvm::broker {

struct AddNetworkOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string name;
  network::NetworkMode network_mode = network::NetworkMode::kIsolated;
  std::string bridge;  // of kBridge
  uint32_t vlan = 0;   // of kBridge: 1..4094; 0: none is set
};

struct RemoveNetworkOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string name;
};

// Thread-safe; calls block on libvirt and the disk.
class FurtherNetworks {
 public:
  FurtherNetworks(const Ports& ports, Registry& registry, TenantLifecycle& tenants)
      : ports_(ports), registry_(registry), tenants_(tenants) {}

  // Reserves a subnet (but for kBridge), records the network and makes it. Either all of it is
  // there afterwards or nothing; what cannot be undone stays on record, for a removal, and its name
  // taken. A repeated request (same request id, same network) is answered with what the first one
  // made, if it made it whole. Errors:
  // INVALID_ARGUMENT; NOT_FOUND / kTenantNotFound; ALREADY_EXISTS / kNetworkNameTaken;
  // FAILED_PRECONDITION / kBridgeUnusable; RESOURCE_EXHAUSTED / kTenantNetworkLimit,
  // kSubnetPoolEmpty; ABORTED / kChangeInFlight; UNAVAILABLE; INTERNAL.
  absl::StatusOr<NetworkRecord> Add(const AddNetworkOrder& order);

  // Removes one that no secondary has a NIC on, whatever its state. Either nothing of it is left
  // afterwards or all of it is there. Errors: INVALID_ARGUMENT; NOT_FOUND / kTenantNotFound,
  // kNetworkNotFound; FAILED_PRECONDITION / kNetworkInUse; ABORTED / kChangeInFlight; UNAVAILABLE;
  // INTERNAL.
  absl::Status Remove(const RemoveNetworkOrder& order);

 private:
  class Addition;
  class Removal;

  // A tenant whose networks nobody else changes. `state` stays locked by the caller.
  static absl::StatusOr<TenantEntry*> GetSettledTenant(RegistryState& state,
                                                       const std::string& tenant);
  // Of a change that GetSettledTenant began.
  void End(const std::string& tenant);

  const Ports& ports_;
  Registry& registry_;
  TenantLifecycle& tenants_;
};

}  // namespace flatvm::broker
