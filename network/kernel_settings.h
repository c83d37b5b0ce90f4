// Settings of the host's kernel, in /proc/sys, that tenants' networks cannot do without.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace flatvm::network {

// Makes the file at `path` say `value`, a line of its own, if it does not. Errors: INTERNAL.
absl::Status EnsureSetting(const std::string& path, const std::string& value);

// libvirt turns forwarding on with a network; somebody else (a sysctl file, say) may have turned it
// off since. In the network namespace of the calling thread. Errors: INTERNAL.
absl::Status EnsureForwarding();

}  // namespace flatvm::network
