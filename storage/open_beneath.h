// Opens files below a directory and nowhere else, for both what the operator put there and what is
// ours.
#pragma once

#include <sys/types.h>

#include <string>

#include "daemon/base/unique_fd.h"

namespace flatvm::storage {

// open(2) with `flags` and O_CLOEXEC, and `mode` if they make a file; never leaves `directory`, an
// open one, and follows no symlink. Invalid and errno on failure: ELOOP for a symlink. Thread-safe.
// Source: openat2(2).
base::UniqueFd OpenBeneath(int directory, const std::string& name, int flags, mode_t mode = 0);

}  // namespace flatvm::storage
