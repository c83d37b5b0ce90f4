// A tenant's networks as plain data.
#pragma once

#include <cstdint>
#include <string>

#include "flatvm/export.h"

namespace flatvm {

// How the tenant's machines reach the world.
enum class NetworkMode : int {
  kNat = 1,         // each by itself, with the address of the host's uplink
  kIsolated = 2,    // not at all
  kViaPrimary = 3,  // through this VM, which is the others' gateway
  kBridge = 4,      // of further networks: by a bridge of the operator's, with addresses of its own
};

// "nat", "isolated", "via-primary" or "bridge"; "unknown" for one that this version does not know.
// Thread-safe.
FLATVM_EXPORT const char* NetworkModeName(NetworkMode mode);

// What the tenant's machines may send and get over its network, each second. 0: no limit.
struct NetworkLimits {
  uint64_t out_bytes = 0;     // all together, to the host and the world
  uint64_t in_bytes = 0;      // likewise from there
  uint64_t vm_out_bytes = 0;  // each secondary, to its siblings too
  uint64_t vm_in_bytes = 0;

  bool operator==(const NetworkLimits&) const = default;
};

// A network of the tenant's beside its first, for VmSpec::networks.
struct Network {
  std::string name;
  NetworkMode mode = NetworkMode::kIsolated;
  std::string subnet;        // CIDR; empty, as what follows, in kBridge
  std::string gateway;       // IPv4 of the host's DHCP and DNS there
  std::string ipv6_subnet;   // CIDR; empty: there is no IPv6
  std::string ipv6_gateway;  // empty likewise
  std::string domain;        // of its VMs' names, such as "storage.acme.internal"

  bool operator==(const Network&) const = default;
};

}  // namespace flatvm
