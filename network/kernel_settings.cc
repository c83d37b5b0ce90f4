#include "network/kernel_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::network {
namespace {

constexpr char kForwarding[] = "/proc/sys/net/ipv4/ip_forward";
constexpr size_t kMaxSetting = 64;

absl::Status Write(const std::string& path, const std::string& value) {
  const base::UniqueFd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  const std::string line = value + "\n";
  if (file.valid() &&
      ::write(file.get(), line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    return absl::OkStatus();
  }
  return base::ErrnoError(errno, base::StrCat("setting ", path, " to ", value));
}

}  // namespace

absl::Status EnsureSetting(const std::string& path, const std::string& value) {
  const absl::StatusOr<std::string> now = base::ReadFile(path, kMaxSetting);
  return now.ok() && *now == value + "\n" ? absl::OkStatus() : Write(path, value);
}

absl::Status EnsureForwarding() {
  return base::WithContext(EnsureSetting(kForwarding, "1"), "tenants have no NAT");
}

}  // namespace flatvm::network
