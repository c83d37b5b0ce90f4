// Where an image lies on a quota disk, as callers say it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::extfs {

constexpr size_t kMaxPathBytes = 4096;     // Linux' PATH_MAX
constexpr size_t kMaxNameBytes = 255;      // ext4's, too
constexpr size_t kMaxPathComponents = 32;  // each costs reading a directory

// "images/web.raw" in its components, which view into `path`: relative to the filesystem's root,
// none of them empty, "." or "..", no NUL. Pure. Errors: INVALID_ARGUMENT / kFieldMalformed naming
// "path".
absl::StatusOr<std::vector<std::string_view>> ParseImagePath(std::string_view path);

}  // namespace flatvm::extfs
