// KernelNetwork's part for machines' ports.
#include <net/if.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "network/address_pool.h"
#include "network/ipv6_gateway.h"
#include "network/kernel_network.h"
#include "network/neighbours.h"
#include "network/nft_rules.h"
#include "network/ports.h"

namespace flatvm::network {
namespace {

guard::WayOut WayOutOf(const TenantRules& rules, const std::vector<uint32_t>& uplinks) {
  switch (rules.mode) {
    case NetworkMode::kNat:
      return {.uplinks = uplinks};
    case NetworkMode::kViaPrimary:
      return {.uplinks = uplinks, .only = rules.primary};
    case NetworkMode::kIsolated:
    case NetworkMode::kBridge:
      break;
  }
  return {};
}

guard::Subnets SubnetsOf(const TenantRules& rules) {
  return {.ipv4 = rules.subnet,
          .ipv6 = rules.prefix,
          .gateway_mac = BytesOfMac(MacFor(rules.subnet.Gateway()))};
}

// Whether the machine is its siblings' way out.
bool Routes(const Lease& machine, const TenantRules& rules) {
  return rules.mode == NetworkMode::kViaPrimary && machine.address == rules.primary;
}

PortBinding BindingOf(const std::string& port, const Lease& machine, const TenantRules& rules) {
  return {.port = port,
          .mac = machine.mac,
          .address = machine.address,
          .subnet = rules.subnet,
          .link_local = AddressOf(kLinkLocal, machine.mac),
          .address6 =
              rules.prefix ? std::optional(AddressOf(*rules.prefix, machine.mac)) : std::nullopt,
          .routes = Routes(machine, rules)};
}

guard::Ceiling CeilingOf(const Lease& machine, const Ceilings& ceilings) {
  if (machine.hostname == kPrimaryHostname) return {};  // it is no secondary
  return {.out = ceilings.vm_out, .in = ceilings.vm_in};
}

}  // namespace

absl::Status KernelNetwork::EnsureGuard(const NetworkSpec& spec) {
  const std::lock_guard lock(mutex_);
  const std::string bridge = BridgeName(spec.subnet);
  const auto found = tenants_.find(bridge);
  if (found == tenants_.end() || ::if_nametoindex(bridge.c_str()) == 0) {
    return base::InternalError("a tenant's bridge is gone, or not filtered, and is not guarded");
  }
  Tenant& tenant = found->second;
  tenant.machines = spec.leases;
  tenant.guarded = true;
  tenant.wanted = {.forwards = spec.forwards, .ceilings = spec.ceilings};
  tenant.metered_by = spec.metered_by;
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> uplinks, Uplinks());
  FLATVM_RETURN_IF_ERROR(GuardTenant(tenant, GuardUplinks(uplinks)));
  return Forward(tenant);
}

absl::Status KernelNetwork::SetRules(const Ipv4Subnet& subnet, const NetworkRules& rules) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(BridgeName(subnet));
  if (found == tenants_.end()) return base::InternalError("a tenant's network is not filtered");
  Tenant& tenant = found->second;
  const bool meters = tenant.wanted.ceilings != rules.ceilings;
  tenant.wanted = rules;
  if (meters) {
    FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> uplinks, Uplinks());
    FLATVM_RETURN_IF_ERROR(GuardTenant(tenant, GuardUplinks(uplinks)));
  }
  return Forward(tenant);
}

absl::Status KernelNetwork::GuardTenant(Tenant& tenant, const std::vector<uint32_t>& uplinks) {
  const uint32_t bridge = ::if_nametoindex(BridgeName(tenant.rules.subnet).c_str());
  if (bridge == 0 || !tenant.guarded) return absl::OkStatus();
  const Ceilings& ceilings = tenant.wanted.ceilings;
  const uint64_t placed = guard_.placed();
  FLATVM_RETURN_IF_ERROR(
      guard_.EnsureBridge(bridge, SubnetsOf(tenant.rules), WayOutOf(tenant.rules, uplinks),
                          {.out = ceilings.out, .in = ceilings.in}, tenant.metered_by));
  replaced_ += guard_.placed() - placed;
  FLATVM_RETURN_IF_ERROR(GuardPortsOf(tenant, bridge));
  for (const Lease& machine : tenant.machines) {
    FLATVM_RETURN_IF_ERROR(EnsureNeighbour(bridge, machine));
  }
  if (!tenant.rules.prefix) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(EnsureIpv6Gateway(tenant.rules.subnet, *tenant.rules.prefix));
  // Behind what switches IPv6 on, which forgets them.
  for (const Lease& machine : tenant.machines) {
    FLATVM_RETURN_IF_ERROR(EnsureIpv6Neighbours(bridge, machine, *tenant.rules.prefix));
  }
  return absl::OkStatus();
}

absl::Status KernelNetwork::GuardPortsOf(Tenant& tenant, uint32_t bridge) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<Port> ports, ListPorts(bridge));
  const Ipv4Subnet& subnet = tenant.rules.subnet;
  std::set<PortBinding> bindings;
  for (const Lease& machine : tenant.machines) {
    bindings.insert(BindingOf(base::TapName(machine.mac), machine, tenant.rules));
  }
  std::set<uint32_t> guarded;
  absl::Status first;
  for (const Port& port : ports) {
    const Lease* const machine = FindMachine(port, tenant.machines);
    const bool known = machine != nullptr && CheckInterfaceName("port", port.name).ok();
    const uint64_t placed = guard_.placed();
    const absl::Status status =
        known ? guard_.EnsurePort(port.index, subnet, GuardedAs(*machine, tenant))
              : guard_.ClosePort(port.index, subnet);
    if (!status.ok() && !IsThere(port.index)) continue;  // it went meanwhile
    first.Update(status);
    if (!known || !status.ok()) continue;
    if (tenant.ports.contains(port.index)) replaced_ += guard_.placed() - placed;
    guarded.insert(port.index);
    bindings.insert(BindingOf(port.name, *machine, tenant.rules));
  }
  tenant.ports = std::move(guarded);
  first.Update(ports_.Bind(BridgeName(subnet), subnet, std::move(bindings)));
  return first;
}

guard::Machine KernelNetwork::GuardedAs(const Lease& machine, const Tenant& tenant) const {
  const Ipv4Subnet& subnet = tenant.rules.subnet;
  guard::Machine guarded{.mac = BytesOfMac(machine.mac),
                         .address = machine.address,
                         .prefix = tenant.rules.prefix,
                         .ceiling = CeilingOf(machine, tenant.wanted.ceilings)};
  if (Routes(machine, tenant.rules)) guarded.routes_for = subnet;
  if (tenant.metered_by) guarded.metered_as = FindMeter(*tenant.metered_by, machine.hostname);
  return guarded;
}

std::optional<Ipv4Address> KernelNetwork::FindMeter(const Ipv4Subnet& first,
                                                    const std::string& hostname) const {
  const auto found = tenants_.find(BridgeName(first));
  if (found == tenants_.end()) return std::nullopt;
  for (const Lease& machine : found->second.machines) {
    if (machine.hostname == hostname) return machine.address;
  }
  return std::nullopt;
}

absl::Status KernelNetwork::AddMachine(const std::string& bridge, const Lease& machine) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(bridge);
  const uint32_t index = ::if_nametoindex(bridge.c_str());
  if (found == tenants_.end() || index == 0) return base::InternalError("a bridge is not guarded");
  std::vector<Lease>& machines = found->second.machines;
  if (std::find(machines.begin(), machines.end(), machine) != machines.end()) {
    return absl::OkStatus();
  }
  machines.push_back(machine);
  FLATVM_RETURN_IF_ERROR(EnsureNeighbour(index, machine));
  FLATVM_RETURN_IF_ERROR(GuardPortsOf(found->second, index));
  FLATVM_RETURN_IF_ERROR(Forward(found->second));
  if (!found->second.rules.prefix) return absl::OkStatus();
  return EnsureIpv6Neighbours(index, machine, *found->second.rules.prefix);
}

absl::Status KernelNetwork::RemoveMachine(const std::string& bridge, const Lease& machine) {
  const std::lock_guard lock(mutex_);
  const auto found = tenants_.find(bridge);
  if (found == tenants_.end()) return absl::OkStatus();
  std::erase(found->second.machines, machine);
  FLATVM_RETURN_IF_ERROR(Forward(found->second));
  const uint32_t index = ::if_nametoindex(bridge.c_str());
  if (index == 0) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(RemoveNeighbour(index, machine, found->second.rules.prefix));
  FLATVM_RETURN_IF_ERROR(GuardPortsOf(found->second, index));
  return guard_.ForgetMachine(machine.address);
}

absl::Status KernelNetwork::GuardPorts(const std::set<uint32_t>& bridges) {
  const absl::Status bridged = bridges_.GuardPorts(bridges);
  const std::lock_guard lock(mutex_);
  absl::Status first;
  for (const uint32_t index : bridges) {
    char name[IF_NAMESIZE];
    if (::if_indextoname(index, name) == nullptr) continue;
    const auto found = tenants_.find(name);
    if (found == tenants_.end() || !found->second.guarded) continue;
    first.Update(GuardPortsOf(found->second, index));
  }
  if (!bridged.ok()) Complain(bridged);  // of others nothing is known here
  return first;
}

}  // namespace flatvm::network
