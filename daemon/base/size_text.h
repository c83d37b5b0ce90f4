// Sizes and durations as people write them: "192MiB", "4GiB", "30s".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace flatvm::base {

// Parses a whole number and a binary unit (KiB, MiB, GiB, TiB), no space between, into MiB. The
// unit is required: a bare number is refused. KiB must make whole MiB. At most 2^32-1 MiB. Errors:
// INVALID_ARGUMENT, kFieldMalformed or kFieldOutOfRange, naming `field`.
absl::StatusOr<uint32_t> ParseSizeMib(std::string_view field, std::string_view text);

// The shortest exact text: 4096 -> "4GiB", 192 -> "192MiB", 0 -> "0MiB".
std::string FormatSizeMib(uint32_t size_mib);

// Parses a whole number and a unit (ms, s, min), no space between, into milliseconds; at most one
// day. Errors: as ParseSizeMib.
absl::StatusOr<uint32_t> ParseDurationMs(std::string_view field, std::string_view text);

// The shortest exact text: 60000 -> "1min", 30000 -> "30s", 1500 -> "1500ms", 0 -> "0s".
std::string FormatDurationMs(uint32_t duration_ms);

}  // namespace flatvm::base
