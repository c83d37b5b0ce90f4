// The configuration file's syntax: strict JSON, every key optional, no other key allowed.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/config/config.h"

namespace flatvm::config {

// Reads the whole text; what it does not set keeps its default. All that is wrong with keys and
// values is reported at once, separated by "; ", each part naming its path ("vsock.port: must be
// 1..4294967294"); bad syntax alone, with line and column.
// Errors: INVALID_ARGUMENT with kFieldMalformed or kFieldOutOfRange and the first path as field.
absl::StatusOr<Config> ParseConfig(std::string_view text);

// ParseConfig of the file; the defaults if it is not there. Blocks.
// Errors: as ParseConfig, with the file's path in front; INTERNAL if it cannot be read or is larger
// than 1 MiB.
absl::StatusOr<Config> LoadConfig(const std::string& path);

// The configuration as a file that ParseConfig reads back as the same, every key written out.
std::string DescribeConfig(const Config& config);

}  // namespace flatvm::config
