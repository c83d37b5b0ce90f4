#include "network/dnsmasq/shared_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::network {
namespace {

constexpr mode_t kFolderMode = 0755;
constexpr mode_t kFileMode = 0644;

}  // namespace

absl::Status MakeSharedFolder(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    const bool made = ::mkdir(part.c_str(), kFolderMode) == 0;
    if (!made && errno != EEXIST) return base::ErrnoError(errno, base::StrCat("mkdir ", part));
    // Whatever flatvmd's umask says.
    if (made && ::chmod(part.c_str(), kFolderMode) != 0) {
      return base::ErrnoError(errno, base::StrCat("chmod ", part));
    }
    if (end == std::string::npos) return absl::OkStatus();
  }
}

absl::StatusOr<bool> WriteShared(const std::string& path, std::string_view content) {
  const absl::StatusOr<std::string> now = base::ReadFile(path, content.size());
  if (now.ok() && *now == content) return false;
  const std::string fresh = path + ".new";
  base::UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kFileMode));
  if (!file.valid()) return base::ErrnoError(errno, base::StrCat("open ", fresh));
  if (::fchmod(file.get(), kFileMode) != 0) {
    return base::ErrnoError(errno, base::StrCat("chmod ", fresh));
  }
  for (std::string_view rest = content; !rest.empty();) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0) return base::ErrnoError(errno, base::StrCat("write ", fresh));
    rest.remove_prefix(static_cast<size_t>(written));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) {
    return base::ErrnoError(errno, base::StrCat("rename ", fresh));
  }
  return true;
}

}  // namespace flatvm::network
