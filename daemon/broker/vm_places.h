// A secondary's places on its tenant's networks: who has which address is what records say. Pure,
// but for the first network's pool of addresses.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "network/tenant_networks.h"

namespace flatvm::broker {

// A lease and whose network it is for.
struct Place {
  network::NetworkId network;
  network::Lease lease;

  bool operator==(const Place&) const = default;
};

// Those of `vm`, the first network's first.
std::vector<Place> PlacesOf(const VmRecord& vm);

// The further networks that `spec` names, in its order. Errors: NOT_FOUND / kNetworkNotFound naming
// "spec.networks"; ABORTED / kChangeInFlight.
absl::StatusOr<std::vector<NetworkRecord>> FindNetworks(const TenantEntry& tenant,
                                                        const VmSpec& spec);

// Gives `vm` an address and what follows from it on the first network and on each of `networks`;
// all or none. They are its own when it is among the tenant's. Errors: RESOURCE_EXHAUSTED /
// kSubnetFull.
absl::Status TakePlaces(TenantEntry& tenant, const std::vector<NetworkRecord>& networks,
                        VmRecord* vm);

// The same for one that is on record, before it is among the tenant's. Errors: ALREADY_EXISTS,
// INVALID_ARGUMENT or NOT_FOUND where records contradict each other.
absl::Status TakeRecordedPlaces(TenantEntry& tenant, const VmRecord& vm);

// Once it is not among the tenant's any more, others may have them.
void GivePlacesBack(TenantEntry& tenant, const VmRecord& vm);

}  // namespace flatvm::broker
