// Whole small files of the kernel's, beneath a directory that is held by its descriptor.
#pragma once

#include <string>
#include <string_view>

namespace flatvm::cgroups {

// Reads the file `name` of the directory `dir_fd`, never through a symlink. 0, or an errno; EFBIG
// past 1 MiB. Blocks on the kernel only. Thread-safe.
int ReadFileAt(int dir_fd, const char* name, std::string* content);

// Writes `content` in one go, as these files want it. 0, or an errno. Thread-safe.
int WriteFileAt(int dir_fd, const char* name, std::string_view content);

}  // namespace flatvm::cgroups
