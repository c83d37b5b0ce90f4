// KernelNetwork's part for ports of the host that lead to machines.
#include <algorithm>
#include <utility>

#include "daemon/base/error.h"
#include "network/kernel_network.h"
#include "network/nft_forwards.h"

namespace flatvm::network {

absl::Status KernelNetwork::Forward(Tenant& tenant) {
  std::set<ForwardBinding> wanted;
  for (const PortForward& forward : tenant.wanted.forwards) {
    const auto machine =
        std::find_if(tenant.machines.begin(), tenant.machines.end(),
                     [&](const Lease& lease) { return lease.hostname == forward.machine; });
    if (machine == tenant.machines.end()) continue;  // it is not there yet, or any more
    wanted.insert({.protocol = forward.protocol,
                   .host_port = forward.host_port,
                   .address = machine->address,
                   .port = forward.port,
                   .subnet = tenant.rules.subnet});
  }
  if (wanted == tenant.forwarded) return absl::OkStatus();
  std::string commands;
  for (const ForwardBinding& old : tenant.forwarded) {
    if (!wanted.contains(old)) commands += BuildRemoveForward(old);
  }
  for (const ForwardBinding& binding : wanted) commands += BuildAddForward(binding);
  tenant.forwarded = std::move(wanted);
  if (nft_.Run(commands).ok()) return absl::OkStatus();
  return ForwardAll();  // what was to be removed was not there any more
}

absl::Status KernelNetwork::ForwardAll() {
  std::string commands = BuildRemoveAllForwards();
  for (const auto& [bridge, tenant] : tenants_) {
    for (const ForwardBinding& binding : tenant.forwarded) commands += BuildAddForward(binding);
  }
  return nft_.Run(commands);
}

}  // namespace flatvm::network
