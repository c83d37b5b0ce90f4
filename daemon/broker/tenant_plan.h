// What follows from a tenant's record: pure, but for what the registry's other tenants have.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "cgroups/tenant_cgroups.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/hypervisor/hypervisor.h"
#include "network/tenant_networks.h"

namespace flatvm::broker {

// What the running instance of a primary lacks of what its tenant gives it; empty if it does not
// run.
std::vector<std::string> LacksOf(const hypervisor::PrimaryInfo& primary,
                                 const hypervisor::PrimaryAttachment& attachment);

hypervisor::PrimaryAttachment AttachmentOf(const TenantRecord& tenant);

network::Lease PrimaryLease(const TenantRecord& tenant);

// A machine's IPv6 address on the tenant's network; nullopt: the tenant has none.
std::optional<network::Ipv6Address> Ipv6AddressOf(const TenantRecord& tenant,
                                                  const std::string& mac);

// The tenant's first network with the machines that it is to have.
network::NetworkSpec NetworkSpecOf(const TenantRecord& tenant,
                                   const std::vector<network::Lease>& leases);
// Another one of the tenant's.
network::NetworkSpec NetworkSpecOf(const TenantRecord& tenant, const NetworkRecord& network,
                                   const std::vector<network::Lease>& leases);
// All of them, the first one first, with everybody who is on record there.
std::vector<network::NetworkSpec> NetworkSpecsOf(const TenantEntry& tenant);

// The first network as others are on record, by the name kFirstNetwork.
NetworkRecord FirstNetworkOf(const TenantRecord& tenant);

// OK unless somebody is, or may come to be, on the tenant's network, which cannot become another
// then: a secondary on record, or the running primary. Errors: FAILED_PRECONDITION / kNetworkInUse.
absl::Status CheckNetworkFree(const TenantEntry& tenant, const hypervisor::PrimaryInfo& primary);

// OK unless another tenant that has a list of CPUs shares one with `cpus`. Errors:
// FAILED_PRECONDITION / kCpusTaken.
absl::Status CheckCpusFree(const RegistryState& state, const std::string& tenant,
                           const std::vector<uint32_t>& cpus);

// OK unless another tenant has a host port of `forwards`, or the host itself does, which listens at
// `host_ports`; what the tenant has already stays its own. Errors: FAILED_PRECONDITION /
// kPortTaken.
absl::Status CheckForwardsFree(const RegistryState& state, const TenantRecord& tenant,
                               const std::vector<network::PortForward>& forwards,
                               const std::set<std::pair<network::Protocol, uint16_t>>& host_ports);

// OK unless `carve` asks for what this primary cannot do. Errors: FAILED_PRECONDITION /
// kPrimaryKeepsMemory.
absl::Status CheckCarvable(const hypervisor::PrimaryInfo& primary, const Carve& carve);

// What the kernel is to enforce for a tenant. memory.high lies a little below memory.max, so that a
// tenant that fills up is slowed before it is killed.
cgroups::SliceLimits SliceLimitsOf(const TenantRecord& tenant);

}  // namespace flatvm::broker
