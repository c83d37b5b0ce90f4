// What a directory's filesystem can do, told by doing it to unnamed files, which are gone when they
// are closed.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/check/host.h"

namespace flatvm::check {

// As Host::TryFilesystem. Blocks on the disk.
absl::StatusOr<FilesystemFacts> TryFilesystem(const std::string& directory);

}  // namespace flatvm::check
