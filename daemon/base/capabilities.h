// Capabilities of the calling thread (capabilities(7)).
#pragma once

#include <initializer_list>

#include "absl/status/status.h"

namespace flatvm::base {

// Gives up all but these, CAP_… of linux/capability.h, which the thread has; for good, and for this
// thread alone. Errors: INTERNAL.
absl::Status KeepCapabilities(std::initializer_list<int> kept);

}  // namespace flatvm::base
