// Ranges of the request fields. Pure; the wire contract states the same numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"

namespace flatvm::broker {

// Errors: INVALID_ARGUMENT naming "spec.<field>".
absl::Status ValidateVmSpec(const VmSpec& spec);

// Errors: INVALID_ARGUMENT naming "limits.<field>".
absl::Status ValidateLimits(const Resources& limits);

// A minimum of 64 MiB..`primary_memory_mib` goes with kBalloon, and none with kReserved. Errors:
// INVALID_ARGUMENT naming "carve.primary_min_memory_mib".
absl::Status ValidateCarve(const Carve& carve, uint32_t primary_memory_mib);

// `cpus`, or none if they are all that the host has: no restriction is none. Where `host_cpus` is
// empty, not known, nothing is checked. Errors: INVALID_ARGUMENT naming "cpus" if one of them is
// not the host's.
absl::StatusOr<std::vector<uint32_t>> ValidateCpus(const std::vector<uint32_t>& cpus,
                                                   const std::vector<uint32_t>& host_cpus);

// Limits with which something can still be done, and which the kernel tells from none. Errors:
// INVALID_ARGUMENT naming "io.<field>".
absl::Status ValidateIo(const cgroups::IoLimits& io);

// A reference to a secondary: a name or an id. Errors: INVALID_ARGUMENT naming "vm".
absl::Status ValidateVmReference(const std::string& reference);

// A libvirt domain name, 1..128 printable bytes without '/'. Errors: INVALID_ARGUMENT naming
// "primary".
absl::Status ValidatePrimaryReference(const std::string& reference);

}  // namespace flatvm::broker
