// Port: what gives a network's machines their addresses and names. The real one is a dnsmasq for
// each network (network/dnsmasq).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

enum class BridgeAge {
  kNew,       // made since the network was served last
  kAsBefore,  // perhaps served already
};

// Thread-safe; two changes to one network at a time are the caller's to prevent. Every call blocks.
// Networks are known by their bridges. Errors of every call: UNAVAILABLE /
// kServiceManagerUnavailable; INTERNAL.
class NetworkServers {
 public:
  virtual ~NetworkServers() = default;

  // Serves `spec`'s leases, and no others, on its bridge, which is there with its addresses and
  // guarded. `spec` has passed CheckNetworkSpec. What is just so is left alone.
  virtual absl::Status Ensure(const NetworkSpec& spec, BridgeAge age) = 0;

  // OK if nothing served it.
  virtual absl::Status Remove(const std::string& bridge) = 0;

  // OK if just this one is served. Errors: also INTERNAL if another has its MAC, name or address,
  // or if Ensure was not called.
  virtual absl::Status AddMachine(const std::string& bridge, const Lease& machine) = 0;

  // From here on it gets no new lease. OK if it is not there.
  virtual absl::Status RemoveMachine(const std::string& bridge, const Lease& machine) = 0;
};

}  // namespace flatvm::network
