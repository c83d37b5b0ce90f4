// The kernel's side of a cgroup: its limits, read from its files. Writes nothing: that is
// systemd's.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cgroups/tenant_cgroups.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::cgroups {

// "max" in a file of bytes or processes.
constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();
// "max" in cpu.max, as SliceLimits has it.
constexpr uint32_t kNoCpuLimit = std::numeric_limits<uint32_t>::max();

// Content of memory.max, memory.swap.max or pids.max: a number or "max", and the newline. INTERNAL
// if it is not.
absl::StatusOr<uint64_t> ParseLimit(std::string_view content);

// Content of cpu.max, such as "200000 100000": microseconds of quota, or "max", in each period. The
// percentage of one CPU, rounded up. INTERNAL if it is not of this form.
absl::StatusOr<uint32_t> ParseCpuMax(std::string_view content);

// A cgroup, held by a file descriptor of its directory: it stays the same one whatever is done to
// its path. Immutable.
class CgroupDir {
 public:
  // `path` is the cgroup's as systemd's ControlGroup gives it, such as
  // "/flatvm.slice/flatvm-acme.slice", below `root`, where cgroup v2 is mounted. Errors: NOT_FOUND
  // / kTenantNotFound if it is not there; INTERNAL.
  static absl::StatusOr<CgroupDir> Open(const std::string& root, const std::string& path);

  absl::StatusOr<SliceLimits> ReadLimits() const;

  // Whether a process runs in it or below it (cgroup.events, "populated"). INTERNAL if the file
  // does not say.
  absl::StatusOr<bool> IsPopulated() const;

  // INTERNAL naming the first file that does not hold `limits`, what was wanted and what was found.
  // memory.max may be rounded down to a page, as the kernel does; memory.swap.max must be 0.
  absl::Status CheckLimits(const SliceLimits& limits) const;

 private:
  explicit CgroupDir(base::UniqueFd fd) : fd_(std::move(fd)) {}

  absl::StatusOr<std::string> ReadFile(const char* name) const;
  absl::StatusOr<uint64_t> ReadLimit(const char* name) const;

  base::UniqueFd fd_;
};

}  // namespace flatvm::cgroups
