// --config: flatvmd's configuration, for commands that work where flatvmd may not run.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/config/config.h"

namespace flatvm::ctl {

// The file at `path`; empty: /etc/flatvm/flatvmd.json, or the defaults where that is not there.
// Errors: INVALID_ARGUMENT / kFieldMalformed naming "--config" if there is no such file; those of
// config::LoadConfig. Blocks on the disk.
absl::StatusOr<config::Config> LoadConfigOption(const std::string& path);

}  // namespace flatvm::ctl
