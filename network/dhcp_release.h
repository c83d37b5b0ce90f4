// DHCPRELEASE in a machine's name: the one way to make dnsmasq forget a lease (RFC 2131, 4.4.6;
// what dnsmasq's own dhcp_release does).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

// The datagram. `lease.mac` is well formed.
std::string BuildDhcpRelease(const Lease& lease, Ipv4Address server);

// Sends it to `server`, an address of this host on `bridge`, so that it seems to come in by that
// bridge. The server answers nothing. Needs CAP_NET_RAW. Errors: INTERNAL with the errno.
absl::Status SendDhcpRelease(const std::string& bridge, const Lease& lease, Ipv4Address server);

}  // namespace flatvm::network
