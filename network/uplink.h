// Which interfaces tenants' traffic leaves the host by.
#pragma once

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

}  // namespace flatvm::network
