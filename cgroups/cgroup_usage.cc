#include "cgroups/cgroup_usage.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string>

#include "cgroups/file_text.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

constexpr const char* kCpuStat = "cpu.stat";
constexpr const char* kIoStat = "io.stat";

// The whole of `text` as a share of time in percent.
std::optional<double> ParsePercent(std::string_view text) {
  double percent = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, percent, std::chars_format::fixed);
  // Written so that "nan", which from_chars takes, is none.
  if (error != std::errc() || rest != end || !(percent >= 0 && percent <= 100)) {
    return std::nullopt;
  }
  return percent;
}

// Adds, up to the greatest number.
void AddTo(uint64_t* sum, uint64_t number) {
  const uint64_t left = std::numeric_limits<uint64_t>::max() - *sum;
  *sum += number > left ? left : number;
}

absl::StatusOr<uint64_t> ReadNumber(const CgroupDir& cgroup, const char* name) {
  FLATVM_ASSIGN_OR_RETURN(const std::string content, cgroup.ReadFile(name));
  std::string_view text = content;
  const bool whole = ChopNewline(&text);
  const std::optional<uint64_t> number = ParseNumber(text);
  if (!whole || !number.has_value()) return base::WithContext(Malformed(content, "number"), name);
  return *number;
}

absl::StatusOr<uint64_t> ReadKeyedNumber(const CgroupDir& cgroup, const char* name,
                                         std::string_view key) {
  FLATVM_ASSIGN_OR_RETURN(const std::string content, cgroup.ReadFile(name));
  absl::StatusOr<uint64_t> number = ParseKeyedNumber(content, key);
  if (!number.ok()) return base::WithContext(number.status(), name);
  return number;
}

// Time in which the slice waited for its quota; 0 if the controller cpu is off: then it has none.
absl::StatusOr<uint64_t> ReadThrottledTime(const CgroupDir& cgroup) {
  FLATVM_ASSIGN_OR_RETURN(const std::string content, cgroup.ReadFile(kCpuStat));
  const absl::StatusOr<std::optional<uint64_t>> time = FindKeyedNumber(content, "throttled_usec");
  if (!time.ok()) return base::WithContext(time.status(), kCpuStat);
  return time->value_or(0);
}

absl::StatusOr<IoBytes> ReadIoBytes(const CgroupDir& cgroup) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<std::string> content, cgroup.FindFile(kIoStat));
  absl::StatusOr<IoBytes> bytes = ParseIoStat(content.value_or(""));
  if (!bytes.ok()) return base::WithContext(bytes.status(), kIoStat);
  return bytes;
}

absl::StatusOr<Pressure> ReadPressure(const CgroupDir& cgroup, const char* name) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<std::string> content, cgroup.FindFile(name));
  if (!content.has_value()) return Pressure{};
  absl::StatusOr<Pressure> pressure = ParsePressure(*content);
  if (!pressure.ok()) return base::WithContext(pressure.status(), name);
  return pressure;
}

}  // namespace

absl::StatusOr<IoBytes> ParseIoStat(std::string_view content) {
  IoBytes bytes;
  while (!content.empty()) {
    const std::string_view line = TakePart(&content, '\n');
    // A device without numbers is a name alone, and Linux 5.14 to 5.16 end no line after it: words
    // that are no key and value are passed over.
    for (std::string_view rest = line; !rest.empty();) {
      std::string_view value = TakePart(&rest, ' ');
      const std::string_view key = TakePart(&value, '=');
      if (key != "rbytes" && key != "wbytes") continue;
      const std::optional<uint64_t> number = ParseNumber(value);
      if (!number.has_value()) return Malformed(line, "count of a device");
      AddTo(key == "rbytes" ? &bytes.read : &bytes.written, *number);
    }
  }
  return bytes;
}

absl::StatusOr<Pressure> ParsePressure(std::string_view content) {
  std::optional<double> some;
  std::optional<double> full;
  for (std::string_view lines = content; !lines.empty();) {
    const std::string_view line = TakePart(&lines, '\n');
    std::string_view rest = line;
    const std::string_view kind = TakePart(&rest, ' ');
    std::string_view value = TakePart(&rest, ' ');
    const bool known = kind == "some" || kind == "full";
    const std::optional<double> percent =
        TakePart(&value, '=') == "avg10" ? ParsePercent(value) : std::nullopt;
    if (!known || !percent.has_value()) return Malformed(line, "pressure");
    (kind == "some" ? some : full) = percent;
  }
  if (!some.has_value()) return Malformed(content, "pressure");
  return Pressure{.some_percent = *some, .full_percent = full.value_or(0)};
}

absl::StatusOr<SliceUsage> ReadSliceUsage(const CgroupDir& cgroup) {
  SliceUsage usage;
  FLATVM_ASSIGN_OR_RETURN(usage.memory_bytes, ReadNumber(cgroup, "memory.current"));
  FLATVM_ASSIGN_OR_RETURN(usage.oom_kills, ReadKeyedNumber(cgroup, "memory.events", "oom_kill"));
  FLATVM_ASSIGN_OR_RETURN(usage.cpu_us, ReadKeyedNumber(cgroup, kCpuStat, "usage_usec"));
  FLATVM_ASSIGN_OR_RETURN(usage.throttled_us, ReadThrottledTime(cgroup));
  FLATVM_ASSIGN_OR_RETURN(usage.tasks, ReadNumber(cgroup, "pids.current"));
  FLATVM_ASSIGN_OR_RETURN(const IoBytes io, ReadIoBytes(cgroup));
  usage.read_bytes = io.read;
  usage.write_bytes = io.written;
  FLATVM_ASSIGN_OR_RETURN(usage.memory, ReadPressure(cgroup, "memory.pressure"));
  FLATVM_ASSIGN_OR_RETURN(usage.cpu, ReadPressure(cgroup, "cpu.pressure"));
  FLATVM_ASSIGN_OR_RETURN(usage.io, ReadPressure(cgroup, "io.pressure"));
  return usage;
}

}  // namespace flatvm::cgroups
