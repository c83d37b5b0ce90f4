#include "cgroups/cgroup_limits.h"

#include <unistd.h>

#include <array>
#include <limits>
#include <optional>
#include <string>

#include "cgroups/file_text.h"
#include "daemon/base/cpu_list.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

constexpr const char* kMemoryMax = "memory.max";
constexpr const char* kMemoryHigh = "memory.high";
constexpr const char* kSwapMax = "memory.swap.max";
constexpr const char* kCpuMax = "cpu.max";
constexpr const char* kPidsMax = "pids.max";
constexpr const char* kIoMax = "io.max";

std::string FormatLimit(uint64_t limit) { return limit == kNoLimit ? "max" : base::StrCat(limit); }

std::string FormatCpuPercent(uint32_t percent) {
  return percent == kNoCpuLimit ? "max" : base::StrCat(percent, "%");
}

std::string FormatCpus(const std::vector<uint32_t>& cpus) {
  return cpus.empty() ? "all" : base::FormatCpuList(cpus);
}

std::string FormatIo(const IoLimits& io) {
  return base::StrCat("rbps=", FormatLimit(io.read_bytes), " wbps=", FormatLimit(io.write_bytes),
                      " riops=", FormatLimit(io.read_operations),
                      " wiops=", FormatLimit(io.write_operations));
}

// A number, or "max".
std::optional<uint64_t> ParseNumberOrMax(std::string_view text) {
  return text == "max" ? kNoLimit : ParseNumber(text);
}

// Where a key of io.max goes; null for one that is not ours.
uint64_t* FieldOf(std::string_view key, IoLimits* limits) {
  if (key == "rbps") return &limits->read_bytes;
  if (key == "wbps") return &limits->write_bytes;
  if (key == "riops") return &limits->read_operations;
  if (key == "wiops") return &limits->write_operations;
  return nullptr;
}

absl::StatusOr<uint64_t> ReadLimit(const CgroupDir& cgroup, const char* name) {
  FLATVM_ASSIGN_OR_RETURN(const std::string content, cgroup.ReadFile(name));
  absl::StatusOr<uint64_t> limit = ParseLimit(content);
  if (!limit.ok()) return base::WithContext(limit.status(), name);
  return limit;
}

absl::StatusOr<IoLimits> ReadIoLimits(const CgroupDir& cgroup, const HostFacts& host) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<std::string> content, cgroup.FindFile(kIoMax));
  absl::StatusOr<IoLimits> limits = ParseIoMax(content.value_or(""), host.storage_device);
  if (!limits.ok()) return base::WithContext(limits.status(), kIoMax);
  return limits;
}

absl::StatusOr<std::vector<uint32_t>> ReadCpus(const CgroupDir& cgroup, const HostFacts& host) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<std::string> content, cgroup.FindFile(kCpusetCpus));
  absl::StatusOr<std::vector<uint32_t>> cpus = ParseCpusetCpus(content.value_or("\n"));
  if (!cpus.ok()) return base::WithContext(cpus.status(), kCpusetCpus);
  if (*cpus == host.possible_cpus) cpus->clear();
  return cpus;
}

// `limits` as they read when the kernel has them.
SliceLimits AsTheKernelHolds(SliceLimits limits, const HostFacts& host) {
  const auto page_bytes = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  for (uint64_t* bytes : {&limits.memory_max_bytes, &limits.memory_high_bytes}) {
    if (*bytes != kNoLimit) *bytes = *bytes / page_bytes * page_bytes;
  }
  for (uint64_t* operations : {&limits.io.read_operations, &limits.io.write_operations}) {
    if (*operations >= std::numeric_limits<uint32_t>::max()) *operations = kNoLimit;
  }
  if (limits.cpus == host.possible_cpus) limits.cpus.clear();
  return limits;
}

}  // namespace

absl::StatusOr<uint64_t> ParseLimit(std::string_view content) {
  std::string_view text = content;
  if (!ChopNewline(&text)) return Malformed(content, "limit");
  const std::optional<uint64_t> limit = ParseNumberOrMax(text);
  if (!limit.has_value()) return Malformed(content, "limit");
  return *limit;
}

absl::StatusOr<uint32_t> ParseCpuMax(std::string_view content) {
  std::string_view text = content;
  if (!ChopNewline(&text)) return Malformed(content, "limit");
  const std::string_view quota = TakePart(&text, ' ');
  const std::optional<uint64_t> period_us = ParseNumber(text);
  if (period_us.value_or(0) == 0) return Malformed(content, "limit");
  if (quota == "max") return kNoCpuLimit;
  const std::optional<uint64_t> quota_us = ParseNumber(quota);
  if (!quota_us.has_value() || *period_us > kNoLimit / 100 ||
      *quota_us > kNoLimit / 100 - *period_us) {
    return Malformed(content, "limit");
  }
  const uint64_t percent = (*quota_us * 100 + *period_us - 1) / *period_us;
  if (percent >= kNoCpuLimit) return Malformed(content, "limit");
  return static_cast<uint32_t>(percent);
}

absl::StatusOr<std::vector<uint32_t>> ParseCpusetCpus(std::string_view content) {
  std::string_view text = content;
  if (!ChopNewline(&text)) return Malformed(content, "list of CPUs");
  if (text.empty()) return std::vector<uint32_t>();
  absl::StatusOr<std::vector<uint32_t>> cpus = base::ParseCpuList(kCpusetCpus, text);
  if (!cpus.ok()) return Malformed(content, "list of CPUs");
  return cpus;
}

absl::StatusOr<IoLimits> ParseIoMax(std::string_view content, std::string_view device) {
  IoLimits found;
  while (!content.empty()) {
    const std::string_view line = TakePart(&content, '\n');
    std::string_view rest = line;
    const std::string_view name = TakePart(&rest, ' ');
    if (name.find(':') == std::string_view::npos || rest.empty()) {
      return Malformed(line, "limit of a device");
    }
    IoLimits limits;
    while (!rest.empty()) {
      std::string_view value = TakePart(&rest, ' ');
      const std::string_view key = TakePart(&value, '=');
      const std::optional<uint64_t> number = ParseNumberOrMax(value);
      if (!number.has_value()) return Malformed(line, "limit of a device");
      if (uint64_t* field = FieldOf(key, &limits); field != nullptr) *field = *number;
    }
    if (name == device) found = limits;
  }
  return found;
}

absl::StatusOr<SliceLimits> ReadSliceLimits(const CgroupDir& cgroup, const HostFacts& host) {
  SliceLimits limits;
  FLATVM_ASSIGN_OR_RETURN(limits.memory_max_bytes, ReadLimit(cgroup, kMemoryMax));
  FLATVM_ASSIGN_OR_RETURN(limits.memory_high_bytes, ReadLimit(cgroup, kMemoryHigh));
  FLATVM_ASSIGN_OR_RETURN(limits.swap_max_bytes, ReadLimit(cgroup, kSwapMax));
  FLATVM_ASSIGN_OR_RETURN(const std::string cpu_max, cgroup.ReadFile(kCpuMax));
  const absl::StatusOr<uint32_t> percent = ParseCpuMax(cpu_max);
  if (!percent.ok()) return base::WithContext(percent.status(), kCpuMax);
  limits.cpu_percent = *percent;
  FLATVM_ASSIGN_OR_RETURN(limits.cpus, ReadCpus(cgroup, host));
  FLATVM_ASSIGN_OR_RETURN(limits.tasks_max, ReadLimit(cgroup, kPidsMax));
  FLATVM_ASSIGN_OR_RETURN(limits.io, ReadIoLimits(cgroup, host));
  return limits;
}

absl::Status CheckSliceLimits(const CgroupDir& cgroup, const SliceLimits& limits,
                              const HostFacts& host) {
  FLATVM_ASSIGN_OR_RETURN(const SliceLimits found, ReadSliceLimits(cgroup, host));
  const SliceLimits wanted = AsTheKernelHolds(limits, host);
  struct Row {
    const char* file;
    std::string wanted;
    std::string found;
  };
  const std::array<Row, 7> table = {
      {{kMemoryMax, FormatLimit(wanted.memory_max_bytes), FormatLimit(found.memory_max_bytes)},
       {kMemoryHigh, FormatLimit(wanted.memory_high_bytes), FormatLimit(found.memory_high_bytes)},
       {kSwapMax, FormatLimit(wanted.swap_max_bytes), FormatLimit(found.swap_max_bytes)},
       {kCpuMax, FormatCpuPercent(wanted.cpu_percent), FormatCpuPercent(found.cpu_percent)},
       {kCpusetCpus, FormatCpus(wanted.cpus), FormatCpus(found.cpus)},
       {kPidsMax, FormatLimit(wanted.tasks_max), FormatLimit(found.tasks_max)},
       {kIoMax, FormatIo(wanted.io), FormatIo(found.io)}}};
  for (const Row& row : table) {
    if (row.wanted == row.found) continue;
    return base::InternalError(base::StrCat("the kernel has another ", row.file,
                                            " than was set: wanted ", row.wanted, ", found ",
                                            row.found));
  }
  return absl::OkStatus();
}

}  // namespace flatvm::cgroups
