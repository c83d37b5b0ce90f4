// Which interfaces tenants' traffic leaves the host by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::network {

// Interfaces of the default routes in `table`, the text of /proc/net/route (proc_net(5)): up, not
// unreachable, sorted, each once. Lines that do not look like routes are passed over.
std::vector<std::string> ParseDefaultInterfaces(std::string_view table);

// `setting` itself if it names an interface, whether or not that is there; for "auto" those of the
// default routes, perhaps none. Errors: INVALID_ARGUMENT / kFieldMalformed naming "uplink";
// INTERNAL.
absl::StatusOr<std::vector<std::string>> FindUplinks(const std::string& setting);

// The least MTU of those of `uplinks` that are there, in what a tenant's network can have: 1280
// (IPv6 has no less) to 65535. 0: none is there. In the calling thread's network namespace.
uint32_t LeastMtu(const std::vector<std::string>& uplinks);

}  // namespace flatvm::network
