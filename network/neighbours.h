// What the host knows of machines' hardware addresses, without asking them.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// Both in the calling thread's network namespace; need CAP_NET_ADMIN. Errors: INTERNAL.

// Makes the machine's entry on that bridge, by index, permanent: the host, which is the gateway,
// asks nobody before its first packet to it, and believes nobody's answer.
absl::Status EnsureNeighbour(uint32_t bridge, const Lease& machine);

// The same of IPv6, for its address in the prefix and the link-local one. OK without doing anything
// where the kernel, or for its MTU the bridge, has no IPv6.
absl::Status EnsureIpv6Neighbours(uint32_t bridge, const Lease& machine, const Ipv6Prefix& prefix);

// Both. OK if there are none.
absl::Status RemoveNeighbour(uint32_t bridge, const Lease& machine,
                             const std::optional<Ipv6Prefix>& prefix);

}  // namespace flatvm::network
