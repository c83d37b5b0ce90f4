// Ranges of the request fields. Pure; the wire contract states the same numbers.
#pragma once

#include "absl/status/status.h"
#include "daemon/broker/records.h"

namespace flatvm::broker {

// Errors: INVALID_ARGUMENT naming "spec.<field>".
absl::Status ValidateVmSpec(const VmSpec& spec);

// Errors: INVALID_ARGUMENT naming "limits.<field>".
absl::Status ValidateLimits(const Resources& limits);

// A reference to a secondary: a name or an id. Errors: INVALID_ARGUMENT naming "vm".
absl::Status ValidateVmReference(const std::string& reference);

// A libvirt domain name, 1..128 printable bytes without '/'. Errors: INVALID_ARGUMENT naming
// "primary".
absl::Status ValidatePrimaryReference(const std::string& reference);

}  // namespace flatvm::broker
