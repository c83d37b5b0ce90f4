// What may become a part of a path below the state directory: checked before any path is made.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace flatvm::storage {

// INTERNAL, as a bug of the caller's, unless `tenant` is a name.
absl::Status CheckTenant(const std::string& tenant);

// The same, or if the id is not a UUID.
absl::Status CheckVm(const std::string& tenant, const std::string& vm_id);
absl::Status CheckVolume(const std::string& tenant, const std::string& volume_id);
absl::Status CheckImage(const std::string& tenant, const std::string& image_id);

}  // namespace flatvm::storage
