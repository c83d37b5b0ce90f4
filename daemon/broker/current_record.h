// Writes a tenant's record as the registry has it now. Not for records that are not in the registry
// yet, or are about to leave it: their lifecycle writes those.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

// Reads the record and writes it with nothing in between, so that of several calls at once the last
// leaves on disk what the registry has. Thread-safe; blocks on the disk. Errors: NOT_FOUND /
// kTenantNotFound; INTERNAL.
absl::Status PutCurrentRecord(const Ports& ports, Registry& registry, const std::string& tenant);

}  // namespace flatvm::broker
