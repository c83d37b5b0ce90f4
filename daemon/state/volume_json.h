// A volume's record as JSON text, as record_json.h has a tenant's and a secondary's. Pure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "daemon/broker/records.h"

namespace flatvm::state {

std::string FormatVolume(const broker::VolumeRecord& record);

// Errors: INTERNAL naming the field and what is wrong with it. Never throws, whatever the text.
absl::StatusOr<broker::VolumeRecord> ParseVolume(std::string_view text);

}  // namespace flatvm::state
