#include "network/kernel_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::network {
namespace {

constexpr char kForwarding[] = "/proc/sys/net/ipv4/ip_forward";
// Bytes of a socket's options, its memberships among them. As much as newer kernels have.
constexpr char kOptionMemory[] = "/proc/sys/net/core/optmem_max";
constexpr uint64_t kOptionBytes = 131'072;
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

absl::StatusOr<bool> EnsureAtLeast(const std::string& path, uint64_t least) {
  const absl::StatusOr<std::string> now = base::ReadFile(path, kMaxSetting);
  if (absl::IsNotFound(now.status())) return false;
  FLATVM_RETURN_IF_ERROR(now.status());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(now->data(), now->data() + now->size(), number);
  if (error != std::errc() || end == now->data()) {
    return base::InternalError(base::StrCat(path, " says no number"));
  }
  if (number >= least) return false;
  FLATVM_RETURN_IF_ERROR(Write(path, std::to_string(least)));
  return true;
}

absl::StatusOr<bool> EnsureMemberships() { return EnsureAtLeast(kOptionMemory, kOptionBytes); }

absl::Status EnsureForwarding() {
  return base::WithContext(EnsureSetting(kForwarding, "1"), "tenants have no NAT");
}

}  // namespace flatvm::network
