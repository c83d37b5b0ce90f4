// Random ids.
#pragma once

#include <string>

namespace flatvm::base {

// A random (version 4) UUID, lower case, from getrandom(2). Thread-safe; blocks only before the
// kernel's pool is ready.
std::string NewUuid();

}  // namespace flatvm::base
