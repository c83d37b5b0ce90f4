// Small files that survive a power cut: written as a new file, fsynced, renamed in, directory
// fsynced.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::base {

// Replaces `path` by `content`, mode 0600: after a crash either the old or the new content is
// there, whole, and perhaps a "<path>.new", which means nothing. One thread at a time for a path.
// Errors: INTERNAL with the errno. Blocks on the disk.
absl::Status WriteFileDurably(const std::string& path, std::string_view content);

// Removes `path` and fsyncs its directory; OK if it was not there.
absl::Status RemoveFileDurably(const std::string& path);

// The whole file. Errors: NOT_FOUND without a Reason if it is not there; INTERNAL, also past
// `max_bytes`.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

// mkdir with `mode` (less the umask) and fsync of the parent; OK if the directory is there already,
// whatever its mode. Errors: INTERNAL, also if something else has that name.
absl::Status MakeDirectoryDurably(const std::string& path, unsigned mode);

// Removes the directory and everything below it, never following a symlink; OK if it was not there.
absl::Status RemoveTree(const std::string& path);

// Names of the entries, sorted, without "." and "..". An empty list if the directory is not there.
absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path);

}  // namespace flatvm::base
