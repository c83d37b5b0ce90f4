// Files that a program of another user reads while flatvmd replaces them. Private to the room.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::network {

// A folder that everybody may read, and those above it; OK if it is there. Errors: INTERNAL.
absl::Status MakeSharedFolder(const std::string& path);

// Makes `path`, which everybody may read, say `content`: whole at any moment, and not written if it
// says so already. True if it was. Not durable: what is below /run ends with the host. Errors:
// INTERNAL.
absl::StatusOr<bool> WriteShared(const std::string& path, std::string_view content);

}  // namespace flatvm::network
