// An own image's record as JSON text, as record_json.h has a tenant's and a secondary's. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/broker/records.h"

namespace flatvm::state {

std::string FormatImage(const broker::ImageRecord& record);

// Errors: INTERNAL naming the field and what is wrong with it. Never throws, whatever the text.
absl::StatusOr<broker::ImageRecord> ParseImage(std::string_view text);

}  // namespace flatvm::state
