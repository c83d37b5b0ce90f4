#include "network/kernel_bridges.h"

#include <net/if.h>

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "network/bridge_vlans.h"
#include "network/ports.h"

namespace flatvm::network {
namespace {

absl::Status Unusable(const char* field, const std::string& text) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition,
                         base::ErrorInfo{.reason = base::Reason::kBridgeUnusable, .field = field},
                         text);
}

absl::Status CheckUsable(const NetworkSpec& spec) {
  FLATVM_ASSIGN_OR_RETURN(const BridgeKind kind, FindBridge(spec.bridge));
  switch (kind) {
    case BridgeKind::kAbsent:
      return Unusable("bridge", base::StrCat("the host has no interface ", spec.bridge));
    case BridgeKind::kNoBridge:
      return Unusable("bridge", base::StrCat(spec.bridge, " is no bridge"));
    case BridgeKind::kPlain:
      if (spec.vlan == 0) return absl::OkStatus();
      return Unusable("vlan", base::StrCat("bridge ", spec.bridge,
                                           " does not filter VLANs: ip link "
                                           "set ",
                                           spec.bridge, " type bridge vlan_filtering 1"));
    case BridgeKind::kFiltersVlans:
      break;
  }
  return absl::OkStatus();
}

// What is taken back, or is for later, is not kept by a bridge that is not what it must be: its
// machines are shut off.
absl::Status UnlessUnusable(const absl::Status& guarded) {
  const bool unusable = base::GetErrorInfo(guarded).reason == base::Reason::kBridgeUnusable;
  return unusable ? absl::OkStatus() : guarded;
}

}  // namespace

absl::Status KernelBridges::Guard(Network& network) {
  const NetworkSpec& spec = network.spec;
  const uint32_t bridge = ::if_nametoindex(spec.bridge.c_str());
  network.bridge = bridge;
  const absl::Status usable = CheckUsable(spec);
  absl::Status first = usable;
  std::set<PortBinding> bindings;
  const auto bind = [&](const std::string& port, const Lease& machine) {
    bindings.insert({.port = port, .mac = machine.mac, .subnet = spec.subnet, .anywhere = true});
  };
  // Where it is no matter which VLAN a port is in as it comes.
  if (usable.ok() && spec.vlan == 0) {
    for (const Lease& machine : spec.leases) bind(base::TapName(machine.mac), machine);
  }
  if (bridge != 0) {
    FLATVM_ASSIGN_OR_RETURN(const std::vector<Port> ports, ListPorts(bridge));
    for (const Port& port : ports) {
      const Lease* const machine = FindMachine(port, spec.leases);
      if (machine == nullptr) continue;
      const absl::Status guarded = usable.ok() ? GuardPort(port.index, *machine, spec)
                                               : guard_.ClosePort(port.index, spec.subnet);
      if (!guarded.ok() && !IsThere(port.index)) continue;  // it went meanwhile
      first.Update(guarded);
      if (usable.ok() && guarded.ok()) bind(port.name, *machine);
    }
  }
  first.Update(ports_.Bind(NetworkName(spec.Id()), spec.subnet, std::move(bindings)));
  return first;
}

absl::Status KernelBridges::GuardPort(uint32_t port, const Lease& machine,
                                      const NetworkSpec& spec) {
  if (spec.vlan != 0) {
    FLATVM_ASSIGN_OR_RETURN(const std::vector<PortVlan> vlans, ListVlans(port));
    // Nothing comes in by another VLAN meanwhile, or for ever, should this fail.
    if (!IsOnlyVlan(vlans, spec.vlan)) {
      FLATVM_RETURN_IF_ERROR(guard_.ClosePort(port, spec.subnet));
      FLATVM_RETURN_IF_ERROR(EnsureOnlyVlan(port, spec.vlan));
    }
  }
  const std::optional<Ipv4Address> meter = find_meter_(spec.subnet, machine.hostname);
  const Ceilings& ceilings = spec.ceilings;
  return guard_.EnsurePort(
      port, spec.subnet,
      {.mac = BytesOfMac(machine.mac),
       .ceiling = {.out = ceilings.vm_out, .in = ceilings.vm_in},
       // Of one that is not known there all of it counts against the tenant's own.
       .metered_as = meter.value_or(spec.subnet.Gateway()),
       .anywhere = true,
       .tenant_ceiling = {.out = ceilings.out, .in = ceilings.in}});
}

absl::Status KernelBridges::Check(const NetworkSpec& spec) { return CheckUsable(spec); }

absl::Status KernelBridges::Ensure(const NetworkSpec& spec) {
  const std::lock_guard lock(mutex_);
  Network& network = networks_[spec.Id()];
  network.spec = spec;
  return Guard(network);
}

absl::Status KernelBridges::Remove(const NetworkId& id) {
  const std::lock_guard lock(mutex_);
  FLATVM_RETURN_IF_ERROR(ports_.Forget(NetworkName(id)));
  networks_.erase(id);
  return absl::OkStatus();
}

bool KernelBridges::Has(const NetworkId& id) {
  const std::lock_guard lock(mutex_);
  return networks_.contains(id);
}

absl::Status KernelBridges::AddMachine(const NetworkId& id, const Lease& machine) {
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(id);
  if (found == networks_.end()) return base::InternalError("no such network");
  NetworkSpec& spec = found->second.spec;
  FLATVM_RETURN_IF_ERROR(CheckUsable(spec));
  if (std::find(spec.leases.begin(), spec.leases.end(), machine) != spec.leases.end()) {
    return absl::OkStatus();
  }
  for (const Lease& other : spec.leases) {
    if (other.mac == machine.mac || other.hostname == machine.hostname) {
      return base::InternalError("another machine has the MAC or the name");
    }
  }
  spec.leases.push_back(machine);
  return Guard(found->second);
}

absl::Status KernelBridges::RemoveMachine(const NetworkId& id, const Lease& machine) {
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(id);
  if (found == networks_.end()) return absl::OkStatus();
  std::erase(found->second.spec.leases, machine);
  return UnlessUnusable(Guard(found->second));
}

absl::Status KernelBridges::SetCeilings(const NetworkId& id, const Ceilings& ceilings) {
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(id);
  if (found == networks_.end()) return base::InternalError("no such network");
  found->second.spec.ceilings = ceilings;
  return UnlessUnusable(Guard(found->second));
}

std::vector<NetworkId> KernelBridges::List() {
  const std::lock_guard lock(mutex_);
  std::vector<NetworkId> ids;
  for (const auto& [id, network] : networks_) ids.push_back(id);
  return ids;
}

absl::Status KernelBridges::GuardPorts(const std::set<uint32_t>& bridges) {
  const std::lock_guard lock(mutex_);
  absl::Status first;
  for (auto& [id, network] : networks_) {
    // One that went, or came, has another index.
    const uint32_t bridge = ::if_nametoindex(network.spec.bridge.c_str());
    if (bridge == network.bridge && !bridges.contains(bridge)) continue;
    first.Update(GuardUsed(network));
  }
  return first;
}

absl::Status KernelBridges::Restore() {
  const std::lock_guard lock(mutex_);
  absl::Status first;
  for (auto& [id, network] : networks_) first.Update(GuardUsed(network));
  return first;
}

absl::Status KernelBridges::GuardUsed(Network& network) {
  const absl::Status guarded = Guard(network);
  // That of one without machines is nobody's loss for now.
  return network.spec.leases.empty() ? UnlessUnusable(guarded) : guarded;
}

}  // namespace flatvm::network
