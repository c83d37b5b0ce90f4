// The one error that a wrong catalog image gives.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "daemon/base/error.h"

namespace flatvm::storage {

// FAILED_PRECONDITION / kImageUnusable. `message` is public: no host path.
inline absl::Status UnusableImage(std::string_view message) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kImageUnusable,
                         message);
}

}  // namespace flatvm::storage
