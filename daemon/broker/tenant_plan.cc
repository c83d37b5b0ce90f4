#include "daemon/broker/tenant_plan.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "daemon/broker/vm_places.h"
#include "network/tenant_networks.h"

namespace flatvm::broker {
namespace {

// Volumes that can be plugged into a primary while it runs, beyond the disks that it starts with.
constexpr uint32_t kHotplugSlots = 8;

}  // namespace

std::vector<std::string> LacksOf(const hypervisor::PrimaryInfo& primary,
                                 const hypervisor::PrimaryAttachment& attachment) {
  std::vector<std::string> lacks;
  if (!primary.running) return lacks;
  // Before a create was carried out there is no CID to compare with.
  const bool has_vsock = attachment.cid.value != 0 && primary.live_cid == attachment.cid;
  if (!has_vsock) lacks.emplace_back("vsock");
  if (primary.live_partition != attachment.partition) lacks.emplace_back("partition");
  if (std::find(primary.live_macs.begin(), primary.live_macs.end(), attachment.mac) ==
      primary.live_macs.end()) {
    lacks.emplace_back("nic");
  }
  return lacks;
}

hypervisor::PrimaryAttachment AttachmentOf(const TenantRecord& tenant) {
  return hypervisor::PrimaryAttachment{.tenant = tenant.name,
                                       .cid = tenant.cid,
                                       .partition = cgroups::PartitionPath(tenant.name),
                                       .network = network::NetworkName({tenant.name}),
                                       .mac = tenant.mac,
                                       .hotplug_slots = kHotplugSlots};
}

network::Lease PrimaryLease(const TenantRecord& tenant) {
  return network::Lease{.hostname = kPrimaryHostname, .mac = tenant.mac, .address = tenant.address};
}

std::optional<network::Ipv6Address> Ipv6AddressOf(const TenantRecord& tenant,
                                                  const std::string& mac) {
  if (!tenant.prefix) return std::nullopt;
  return network::AddressOf(*tenant.prefix, mac);
}

network::NetworkSpec NetworkSpecOf(const TenantRecord& tenant,
                                   const std::vector<network::Lease>& leases) {
  return network::NetworkSpec{.tenant = tenant.name,
                              .subnet = tenant.subnet,
                              .leases = leases,
                              .mode = tenant.network_mode,
                              .forwards = tenant.forwards,
                              .prefix = tenant.prefix,
                              .ceilings = tenant.ceilings};
}

network::NetworkSpec NetworkSpecOf(const TenantRecord& tenant, const NetworkRecord& network,
                                   const std::vector<network::Lease>& leases) {
  const bool bridged = network.mode == network::NetworkMode::kBridge;
  return network::NetworkSpec{.tenant = tenant.name,
                              .network = network.name,
                              .subnet = bridged ? tenant.subnet : network.subnet,
                              .leases = leases,
                              .mode = network.mode,
                              .prefix = network.prefix,
                              .ceilings = tenant.ceilings,
                              .metered_by = tenant.subnet,
                              .bridge = network.bridge,
                              .vlan = network.vlan};
}

std::vector<network::NetworkSpec> NetworkSpecsOf(const TenantEntry& tenant) {
  std::map<std::string, std::vector<network::Lease>> leases;  // by network
  for (const auto& [id, vm] : tenant.vms) {
    for (Place& place : PlacesOf(vm)) {
      leases[place.network.network].push_back(std::move(place.lease));
    }
  }
  std::vector<network::Lease>& on_first = leases[network::kFirstNetwork];
  on_first.insert(on_first.begin(), PrimaryLease(tenant.record));
  std::vector<network::NetworkSpec> specs = {NetworkSpecOf(tenant.record, on_first)};
  for (const NetworkRecord& network : tenant.record.networks) {
    specs.push_back(NetworkSpecOf(tenant.record, network, leases[network.name]));
  }
  return specs;
}

NetworkRecord FirstNetworkOf(const TenantRecord& tenant) {
  return NetworkRecord{.name = network::kFirstNetwork,
                       .mode = tenant.network_mode,
                       .subnet = tenant.subnet,
                       .prefix = tenant.prefix};
}

absl::Status CheckNetworkFree(const TenantEntry& tenant, const hypervisor::PrimaryInfo& primary) {
  const auto in_use = [&](const std::string& who) {
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kNetworkInUse, .field = "network_mode"},
        base::StrCat(who, " on tenant \"", tenant.record.name,
                     "\"'s network: destroy its secondaries and shut its primary down first"));
  };
  if (!tenant.vms.empty()) {
    return in_use(tenant.vms.size() == 1 ? "a secondary is"
                                         : base::StrCat(tenant.vms.size(), " secondaries are"));
  }
  const std::vector<std::string>& macs = primary.live_macs;
  const bool there = std::find(macs.begin(), macs.end(), tenant.record.mac) != macs.end();
  return primary.running && there ? in_use("the running primary is") : absl::OkStatus();
}

cgroups::SliceLimits SliceLimitsOf(const TenantRecord& tenant) {
  // A QEMU process has a thread a vCPU and up to 64 I/O workers, and vhost adds its own: 128 and
  // the vCPUs are ample.
  constexpr uint64_t kTasksPerVm = 128;
  constexpr uint64_t kTasksOfFront = 256;
  // Wide enough to be felt, and so narrow that the slowing stays in the milliseconds (the kernel's
  // grows with the square of the overrun).
  const uint32_t gap_mib = std::clamp(tenant.limits.memory_mib / 64, 1U, 64U);
  return cgroups::SliceLimits{
      .memory_max_bytes = tenant.limits.memory_mib * base::kMebibyte,
      .memory_high_bytes = (tenant.limits.memory_mib - gap_mib) * base::kMebibyte,
      .cpu_percent = tenant.limits.vcpus * 100,
      .cpus = tenant.cpus,
      .tasks_max =
          kTasksOfFront + kTasksPerVm * (uint64_t{tenant.limits.vms} + 1) + tenant.limits.vcpus,
      .io = tenant.io};
}

absl::Status CheckCpusFree(const RegistryState& state, const std::string& tenant,
                           const std::vector<uint32_t>& cpus) {
  for (const auto& [name, entry] : state.tenants) {
    if (name == tenant) continue;
    std::vector<uint32_t> shared;
    std::set_intersection(cpus.begin(), cpus.end(), entry.record.cpus.begin(),
                          entry.record.cpus.end(), std::back_inserter(shared));
    if (shared.empty()) continue;
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kCpusTaken, .field = "cpus"},
        base::StrCat("tenant \"", name, "\" has CPU ", base::FormatCpuList(shared), " already"));
  }
  return absl::OkStatus();
}

absl::Status CheckForwardsFree(const RegistryState& state, const TenantRecord& tenant,
                               const std::vector<network::PortForward>& forwards,
                               const std::set<std::pair<network::Protocol, uint16_t>>& host_ports) {
  const auto has = [](const std::vector<network::PortForward>& list,
                      const network::PortForward& wanted) {
    return std::any_of(list.begin(), list.end(), [&](const network::PortForward& other) {
      return other.protocol == wanted.protocol && other.host_port == wanted.host_port;
    });
  };
  for (const network::PortForward& forward : forwards) {
    std::string whose;
    for (const auto& [name, entry] : state.tenants) {
      if (name != tenant.name && has(entry.record.forwards, forward)) {
        whose = base::StrCat("tenant \"", name, "\" has");
      }
    }
    const bool host = host_ports.contains({forward.protocol, forward.host_port});
    if (host && !has(tenant.forwards, forward)) whose = "the host itself listens at";
    if (whose.empty()) continue;
    return base::MakeError(
        absl::StatusCode::kFailedPrecondition,
        base::ErrorInfo{.reason = base::Reason::kPortTaken, .field = "forwards.host_port"},
        base::StrCat(whose, forward.protocol == network::Protocol::kTcp ? " TCP" : " UDP", " port ",
                     forward.host_port, " of the uplink"));
  }
  return absl::OkStatus();
}

absl::Status CheckCarvable(const hypervisor::PrimaryInfo& primary, const Carve& carve) {
  if (carve.mode != CarveMode::kBalloon || primary.balloon_lack.empty()) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition,
      base::ErrorInfo{.reason = base::Reason::kPrimaryKeepsMemory, .field = "carve.mode"},
      base::StrCat("nothing can be taken from \"", primary.name, "\": ", primary.balloon_lack));
}

}  // namespace flatvm::broker
