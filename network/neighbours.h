// What the host knows of machines' hardware addresses, without asking them.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// Both in the calling thread's network namespace; need CAP_NET_ADMIN. Errors: INTERNAL.

// Makes the machine's entry on that bridge, by index, permanent: the host, which is the gateway,
// asks nobody before its first packet to it, and believes nobody's answer.
absl::Status EnsureNeighbour(uint32_t bridge, const Lease& machine);

// OK if there is none.
absl::Status RemoveNeighbour(uint32_t bridge, const Lease& machine);

}  // namespace flatvm::network
