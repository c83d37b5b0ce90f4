#include "cgroups/cgroup_dir.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

constexpr const char* kMemoryMax = "memory.max";
constexpr const char* kSwapMax = "memory.swap.max";
constexpr const char* kCpuMax = "cpu.max";
constexpr const char* kPidsMax = "pids.max";
constexpr const char* kEvents = "cgroup.events";

absl::Status Malformed(std::string_view content) {
  return base::InternalError(
      base::StrCat("holds \"", base::EscapeForLog(content, 60), "\", which is no limit"));
}

absl::Status NotThere(std::string_view message) {
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound, message);
}

// The whole of `text` as a decimal number.
bool ParseNumber(std::string_view text, uint64_t* number) {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *number);
  return error == std::errc() && rest == end && !text.empty();
}

// Takes the newline that ends a file of one line.
bool ChopNewline(std::string_view* text) {
  if (!text->ends_with('\n')) return false;
  text->remove_suffix(1);
  return true;
}

std::string FormatLimit(uint64_t limit, uint64_t no_limit) {
  return limit == no_limit ? "max" : base::StrCat(limit);
}

absl::Status Differs(const char* file, const std::string& wanted, const std::string& found) {
  return base::InternalError(base::StrCat("the kernel has another ", file, " than was set: wanted ",
                                          wanted, ", found ", found));
}

}  // namespace

absl::StatusOr<uint64_t> ParseLimit(std::string_view content) {
  std::string_view text = content;
  uint64_t limit = 0;
  if (!ChopNewline(&text)) return Malformed(content);
  if (text == "max") return kNoLimit;
  if (!ParseNumber(text, &limit)) return Malformed(content);
  return limit;
}

absl::StatusOr<uint32_t> ParseCpuMax(std::string_view content) {
  std::string_view text = content;
  const size_t space = text.find(' ');
  uint64_t period_us = 0;
  if (!ChopNewline(&text) || space == std::string_view::npos ||
      !ParseNumber(text.substr(space + 1), &period_us) || period_us == 0) {
    return Malformed(content);
  }
  const std::string_view quota = text.substr(0, space);
  if (quota == "max") return kNoCpuLimit;
  uint64_t quota_us = 0;
  if (!ParseNumber(quota, &quota_us) || quota_us > kNoLimit / 100 - period_us) {
    return Malformed(content);
  }
  const uint64_t percent = (quota_us * 100 + period_us - 1) / period_us;
  if (percent >= kNoCpuLimit) return Malformed(content);
  return static_cast<uint32_t>(percent);
}

absl::StatusOr<CgroupDir> CgroupDir::Open(const std::string& root, const std::string& path) {
  if (path.size() < 2 || path.front() != '/') {
    return base::InternalError(
        base::StrCat("\"", base::EscapeForLog(path), "\" is no cgroup path"));
  }
  const base::UniqueFd root_fd(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root_fd.valid()) return base::ErrnoError(errno, base::StrCat("open ", root));
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  base::UniqueFd fd(
      static_cast<int>(::syscall(SYS_openat2, root_fd.get(), path.c_str() + 1, &how, sizeof(how))));
  if (!fd.valid()) {
    if (errno == ENOENT) return NotThere(base::StrCat("cgroup ", path, " is not there"));
    return base::ErrnoError(errno, base::StrCat("open cgroup ", path));
  }
  return CgroupDir(std::move(fd));
}

absl::StatusOr<std::string> CgroupDir::ReadFile(const char* name) const {
  const base::UniqueFd file(::openat(fd_.get(), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    // ENODEV: the cgroup was removed while its directory was held.
    if (errno == ENODEV) return NotThere("the cgroup is gone");
    return base::ErrnoError(errno, base::StrCat("open ", name));
  }
  std::array<char, 128> content{};  // two numbers of 20 digits are the longest
  ssize_t n = 0;
  do {
    n = ::read(file.get(), content.data(), content.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0 && errno == ENODEV) return NotThere("the cgroup is gone");
  if (n < 0) return base::ErrnoError(errno, base::StrCat("read ", name));
  return std::string(content.data(), static_cast<size_t>(n));
}

absl::StatusOr<uint64_t> CgroupDir::ReadLimit(const char* name) const {
  FLATVM_ASSIGN_OR_RETURN(const std::string content, ReadFile(name));
  absl::StatusOr<uint64_t> limit = ParseLimit(content);
  if (!limit.ok()) return base::WithContext(limit.status(), name);
  return limit;
}

absl::StatusOr<SliceLimits> CgroupDir::ReadLimits() const {
  SliceLimits limits;
  FLATVM_ASSIGN_OR_RETURN(limits.memory_max_bytes, ReadLimit(kMemoryMax));
  FLATVM_ASSIGN_OR_RETURN(limits.tasks_max, ReadLimit(kPidsMax));
  FLATVM_ASSIGN_OR_RETURN(const std::string cpu_max, ReadFile(kCpuMax));
  const absl::StatusOr<uint32_t> percent = ParseCpuMax(cpu_max);
  if (!percent.ok()) return base::WithContext(percent.status(), kCpuMax);
  limits.cpu_percent = *percent;
  return limits;
}

absl::StatusOr<bool> CgroupDir::IsPopulated() const {
  FLATVM_ASSIGN_OR_RETURN(const std::string events, ReadFile(kEvents));
  for (const bool populated : {false, true}) {
    const std::string line = base::StrCat("populated ", populated ? 1 : 0, "\n");
    if (events.find(line) != std::string::npos) return populated;
  }
  return base::InternalError(base::StrCat(kEvents, " does not say whether it is populated"));
}

absl::Status CgroupDir::CheckLimits(const SliceLimits& limits) const {
  FLATVM_ASSIGN_OR_RETURN(const SliceLimits found, ReadLimits());
  FLATVM_ASSIGN_OR_RETURN(const uint64_t swap_max, ReadLimit(kSwapMax));
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t memory_max = limits.memory_max_bytes == kNoLimit
                                  ? kNoLimit
                                  : limits.memory_max_bytes / page_bytes * page_bytes;
  if (found.memory_max_bytes != memory_max) {
    return Differs(kMemoryMax, FormatLimit(memory_max, kNoLimit),
                   FormatLimit(found.memory_max_bytes, kNoLimit));
  }
  if (swap_max != 0) return Differs(kSwapMax, "0", FormatLimit(swap_max, kNoLimit));
  if (found.cpu_percent != limits.cpu_percent) {
    return Differs(kCpuMax, FormatLimit(limits.cpu_percent, kNoCpuLimit) + "%",
                   FormatLimit(found.cpu_percent, kNoCpuLimit) + "%");
  }
  if (found.tasks_max != limits.tasks_max) {
    return Differs(kPidsMax, FormatLimit(limits.tasks_max, kNoLimit),
                   FormatLimit(found.tasks_max, kNoLimit));
  }
  return absl::OkStatus();
}

}  // namespace flatvm::cgroups
