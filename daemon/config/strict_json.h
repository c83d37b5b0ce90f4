// JSON text to a tree, as RFC 8259 has it and no more: no comments, no trailing text, no duplicate
// keys.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace flatvm::config {

// Errors: INVALID_ARGUMENT / kFieldMalformed: for bad syntax with line and column (both from 1, in
// bytes), for a duplicate key naming its path.
absl::StatusOr<nlohmann::json> ParseStrictJson(std::string_view text);

}  // namespace flatvm::config
