// Settings of the host's kernel, in /proc/sys, that tenants' networks cannot do without.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/log.h"

namespace flatvm::network {

// Makes the file at `path` say `value`, a line of its own, if it does not. Errors: INTERNAL.
absl::Status EnsureSetting(const std::string& path, const std::string& value);

// Makes the number in the file at `path` `least` if it is less. Says which it was. Errors: INTERNAL
// if it cannot be read, or set.
absl::StatusOr<int64_t> EnsureAtLeast(const std::string& path, int64_t least);

// libvirt turns forwarding on with a network; somebody else (a sysctl file, say) may have turned it
// off since. In the network namespace of the calling thread. Errors: INTERNAL.
absl::Status EnsureForwarding();

inline constexpr char kInotifyInstances[] = "/proc/sys/fs/inotify/max_user_instances";

// Each network's dnsmasq has an inotify instance, which counts against root's, of which there are
// 128 by default: with 120 tenants no dnsmasq starts any more, and neither does much else of
// root's. Raises `path`, kInotifyInstances, to what tenants' subnets and the host need together.
// What became of it is logged if it was too low.
void EnsureInotifyInstances(const std::string& path, base::Logger& log);

}  // namespace flatvm::network
