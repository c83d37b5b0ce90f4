// The host's IPv6 addresses on a tenant's bridge. libvirt is not told of them: for a network with
// an IPv6 address it has the host forward IPv6, which changes how the host itself gets its routes.
// Why so: ADR 16.
#pragma once

#include "absl/status/status.h"
#include "network/ipv4.h"
#include "network/ipv6.h"

namespace flatvm::network {

// Has the tenant's bridge, which is there and guarded, speak IPv6 by the prefix' gateway address
// and by the link-local one of its MAC, and by no other; what others advertise there it does not
// believe. Idempotent, and nobody is told of what is there already. In the calling thread's network
// namespace; needs CAP_NET_ADMIN and a writable /proc/sys. OK without doing anything where the
// kernel, or for its MTU the bridge, has no IPv6, and for a bridge that is gone, or goes meanwhile.
// Errors: INTERNAL.
absl::Status EnsureIpv6Gateway(const Ipv4Subnet& subnet, const Ipv6Prefix& prefix);

}  // namespace flatvm::network
