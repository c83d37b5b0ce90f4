#include "cgroups/file_at.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/base/unique_fd.h"

namespace flatvm::cgroups {
namespace {

// io.stat has some 100 bytes for each device, cgroup.procs some 8 for each process.
constexpr size_t kMaxFileBytes = 1U << 20U;

}  // namespace

int ReadFileAt(int dir_fd, const char* name, std::string* content) {
  const base::UniqueFd file(::openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return errno;
  content->clear();
  while (true) {
    std::array<char, 4096> buffer{};
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n == 0) return 0;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    content->append(buffer.data(), static_cast<size_t>(n));
    if (content->size() > kMaxFileBytes) return EFBIG;
  }
}

int WriteFileAt(int dir_fd, const char* name, std::string_view content) {
  const base::UniqueFd file(::openat(dir_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return errno;
  ssize_t n = 0;
  do {
    n = ::write(file.get(), content.data(), content.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno;
  return static_cast<size_t>(n) == content.size() ? 0 : EIO;
}

}  // namespace flatvm::cgroups
