// One value of the configuration file: JSON to a member of Config and back.
#pragma once

#include "absl/status/status.h"
#include "daemon/config/config_fields.h"
#include "nlohmann/json.hpp"

namespace flatvm::config {

// Checks `value` and stores it. Errors: INVALID_ARGUMENT naming the field's path:
// kFieldMalformed (type, unit, form), kFieldOutOfRange.
absl::Status ReadField(const ConfigField& field, const nlohmann::json& value, Config* config);

// The member as the file would have it.
nlohmann::ordered_json WriteField(const ConfigField& field, const Config& config);

}  // namespace flatvm::config
