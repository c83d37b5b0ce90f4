// At which ports the host itself listens.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "network/tenant_networks.h"

namespace flatvm::network {

using HostPorts = std::set<std::pair<Protocol, uint16_t>>;

// Of the text of /proc/net/tcp, udp, tcp6 or udp6 (proc_net(5)): those of listening TCP sockets, or
// of UDP sockets that are connected to nobody, beyond the loopback. Lines that do not look like
// sockets are passed over.
HostPorts ParseListeningPorts(Protocol protocol, std::string_view table);

// In the calling thread's network namespace. A forward in front of one of these would take it away
// from the host. Errors: INTERNAL.
absl::StatusOr<HostPorts> ListListeningPorts();

}  // namespace flatvm::network
