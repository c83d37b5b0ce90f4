// What a word after an option means: text to numbers, for what daemon/base does not read. Ranges
// are flatvmd's to check. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "flatvm/v1/types.pb.h"

namespace flatvm::ctl {

// Errors of every function: INVALID_ARGUMENT naming `option`, with kFieldMalformed, or with
// kFieldOutOfRange for a number that is too large or, of a rate, 0.

// A whole number.
absl::StatusOr<uint32_t> ParseCount(std::string_view option, std::string_view text);

// Bytes in a second, as a whole number and one of KiB, MiB, GiB, TiB. "none": 0, no limit.
absl::StatusOr<uint64_t> ParseByteRate(std::string_view option, std::string_view text);

// Operations in a second, as a whole number. "none": 0, no limit.
absl::StatusOr<uint64_t> ParseOperationRate(std::string_view option, std::string_view text);

// A list of CPUs as base::ParseCpuList takes it. Returns its shortest form; "" for "all".
absl::StatusOr<std::string> ParseCpus(std::string_view option, std::string_view text);

// "tcp:8080=web:80" or "udp:...", several with commas between. Empty for "none".
absl::StatusOr<std::vector<v1::PortForward>> ParseForwards(std::string_view option,
                                                           std::string_view text);

// "nat", "isolated" or "via-primary".
absl::StatusOr<v1::NetworkMode> ParseNetworkMode(std::string_view option, std::string_view text);
// "nat", "isolated" or "bridge".
absl::StatusOr<v1::NetworkMode> ParseFurtherMode(std::string_view option, std::string_view text);

// "reserved" or "balloon".
absl::StatusOr<v1::CarveMode> ParseCarveMode(std::string_view option, std::string_view text);

}  // namespace flatvm::ctl
