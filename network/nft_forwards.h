// The text of the filter's part for ports of the host that lead to machines. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "network/tenant_networks.h"

namespace flatvm::network {

// A port of the host's, on its uplinks, and the machine that it leads to.
struct ForwardBinding {
  Protocol protocol = Protocol::kTcp;
  uint16_t host_port = 0;
  Ipv4Address address;  // the machine's
  uint16_t port = 0;
  Ipv4Subnet subnet;  // the tenant's
  auto operator<=>(const ForwardBinding&) const = default;
};

// In inet flatvm, after the base ruleset. A host port leads to one machine: adding fails if it
// leads elsewhere, removing if it is not there. Two may lead to one port of a machine: what stays
// is to be added again after one of them was removed.
std::string BuildAddForward(const ForwardBinding& binding);
std::string BuildRemoveForward(const ForwardBinding& binding);
std::string BuildRemoveAllForwards();

}  // namespace flatvm::network
