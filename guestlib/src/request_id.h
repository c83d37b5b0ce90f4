// Idempotency keys that nobody else makes.
#pragma once

#include <string>

namespace flatvm::guestlib {

// 32 hexadecimal digits from getrandom(2), 128 bits: a valid request_id. Thread-safe; blocks only
// before the kernel's pool is ready.
std::string NewRequestId();

}  // namespace flatvm::guestlib
