// Where the host serves DNS: whether a tenant's dnsmasq runs, without asking for its process.
#pragma once

#include <set>
#include <string_view>

#include "absl/status/statusor.h"
#include "network/ipv4.h"

namespace flatvm::network {

// Addresses that a UDP socket of `table`, the text of /proc/net/udp (proc_net(5)), is bound to at
// port 53. Lines that do not look like sockets are passed over.
std::set<Ipv4Address> ParseDnsServers(std::string_view table);

// In the calling thread's network namespace. Errors: INTERNAL.
absl::StatusOr<std::set<Ipv4Address>> ListDnsServers();

}  // namespace flatvm::network
