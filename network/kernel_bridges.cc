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

}  // namespace

absl::Status KernelBridges::Guard(const NetworkSpec& spec) {
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
  if (const uint32_t bridge = ::if_nametoindex(spec.bridge.c_str()); bridge != 0) {
    FLATVM_ASSIGN_OR_RETURN(const std::vector<Port> ports, ListPorts(bridge));
    for (const Port& port : ports) {
      const Lease* const machine = FindMachine(port, spec.leases);
      if (machine == nullptr) continue;
      const absl::Status guarded = usable.ok() ? GuardPort(port.index, *machine, spec)
                                               : guard_.ClosePort(port.index, spec.subnet);
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
       .ceiling =
           meter ? guard::Ceiling{.out = ceilings.vm_out, .in = ceilings.vm_in} : guard::Ceiling{},
       .metered_as = meter,
       .anywhere = true,
       .tenant_ceiling = {.out = ceilings.out, .in = ceilings.in}});
}

absl::Status KernelBridges::Ensure(const NetworkSpec& spec) {
  const std::lock_guard lock(mutex_);
  networks_.insert_or_assign(spec.Id(), spec);
  return Guard(spec);
}

absl::Status KernelBridges::Remove(const NetworkId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(id);
  if (found == networks_.end()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(ports_.Forget(NetworkName(id)));
  networks_.erase(found);
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
  NetworkSpec& spec = found->second;
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
  return Guard(spec);
}

absl::Status KernelBridges::RemoveMachine(const NetworkId& id, const Lease& machine) {
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(id);
  if (found == networks_.end()) return absl::OkStatus();
  std::erase(found->second.leases, machine);
  const absl::Status guarded = Guard(found->second);
  // Of a bridge that is gone nothing is to be had back.
  const bool unusable = base::GetErrorInfo(guarded).reason == base::Reason::kBridgeUnusable;
  return unusable ? absl::OkStatus() : guarded;
}

absl::Status KernelBridges::SetCeilings(const NetworkId& id, const Ceilings& ceilings) {
  const std::lock_guard lock(mutex_);
  const auto found = networks_.find(id);
  if (found == networks_.end()) return base::InternalError("no such network");
  found->second.ceilings = ceilings;
  return Guard(found->second);
}

std::vector<NetworkId> KernelBridges::List() {
  const std::lock_guard lock(mutex_);
  std::vector<NetworkId> ids;
  for (const auto& [id, spec] : networks_) ids.push_back(id);
  return ids;
}

absl::Status KernelBridges::GuardPorts(const std::set<uint32_t>& bridges) {
  const std::lock_guard lock(mutex_);
  absl::Status first;
  for (const auto& [id, spec] : networks_) {
    if (!bridges.contains(::if_nametoindex(spec.bridge.c_str()))) continue;
    const absl::Status status = Guard(spec);
    if (first.ok()) first = status;
  }
  return first;
}

absl::Status KernelBridges::Restore() {
  const std::lock_guard lock(mutex_);
  absl::Status first;
  for (const auto& [id, spec] : networks_) {
    // One without machines is nobody's loss for now.
    if (spec.leases.empty()) continue;
    const absl::Status status = Guard(spec);
    if (first.ok()) first = status;
  }
  return first;
}

}  // namespace flatvm::network
