// Settings of the host's kernel, in /proc/sys, that tenants' networks cannot do without.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::network {

// Makes the file at `path` say `value`, a line of its own, if it does not. Errors: INTERNAL.
absl::Status EnsureSetting(const std::string& path, const std::string& value);

// Raises the number in the file at `path` to `least` if it is lower. True if it was. A kernel
// without that setting, or a network namespace, has none: false. Errors: INTERNAL.
absl::StatusOr<bool> EnsureAtLeast(const std::string& path, uint64_t least);

// libvirt turns forwarding on with a network; somebody else (a sysctl file, say) may have turned it
// off since. In the network namespace of the calling thread. Errors: INTERNAL.
absl::Status EnsureForwarding();

// Lets one program be of some multicast groups on each of 2000 interfaces, as dnsmasq is to
// advertise prefixes: with the 20 KiB that Linux before 6.7 has, it is on 365. True if that was
// raised. Errors: INTERNAL.
absl::StatusOr<bool> EnsureMemberships();

}  // namespace flatvm::network
