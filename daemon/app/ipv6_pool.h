// The pool of tenants' IPv6 prefixes, which is of this host and stays.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "daemon/config/config.h"
#include "network/ipv6.h"

namespace flatvm::app {

// As `network.ipv6_pool` has it; with "auto" the one in `state_dir`, which is made if it is not
// there: 32 bits at random (RFC 4193, 3.2). nullopt: "none". Blocks on the disk. Errors: INTERNAL,
// also if the file holds no pool.
absl::StatusOr<std::optional<network::Ipv6Pool>> EnsureIpv6Pool(const config::Config& config);

}  // namespace flatvm::app
