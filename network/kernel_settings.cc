#include "network/kernel_settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::network {
namespace {

constexpr char kForwarding[] = "/proc/sys/net/ipv4/ip_forward";
constexpr size_t kMaxSetting = 64;
constexpr int64_t kInstances = 8192;

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

absl::StatusOr<int64_t> EnsureAtLeast(const std::string& path, int64_t least) {
  FLATVM_ASSIGN_OR_RETURN(const std::string setting, base::ReadFile(path, kMaxSetting));
  int64_t number = 0;
  if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(setting), &number)) {
    return base::InternalError(base::StrCat(path, " has no number"));
  }
  if (number >= least) return number;
  FLATVM_RETURN_IF_ERROR(Write(path, base::StrCat(least)));
  return number;
}

absl::Status EnsureForwarding() {
  return base::WithContext(EnsureSetting(kForwarding, "1"), "tenants have no NAT");
}

void EnsureInotifyInstances(const std::string& path, base::Logger& log) {
  const absl::StatusOr<int64_t> before = EnsureAtLeast(path, kInstances);
  if (!before.ok()) {
    log.Log(base::LogLevel::kWarning,
            base::StrCat("fs.inotify.max_user_instances cannot be raised, and each tenant's "
                         "dnsmasq takes one: ",
                         base::Message(before.status())));
  } else if (*before < kInstances) {
    log.Log(base::LogLevel::kInfo,
            base::StrCat("raised fs.inotify.max_user_instances from ", *before, " to ", kInstances,
                         ": each tenant's dnsmasq takes one"));
  }
}

}  // namespace flatvm::network
