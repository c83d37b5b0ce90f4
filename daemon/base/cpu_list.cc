#include "daemon/base/cpu_list.h"

#include <algorithm>
#include <bitset>
#include <charconv>
#include <optional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::base {
namespace {

using CpuSet = std::bitset<kMaxCpuNumber + 1>;

// The whole of `text` as the number of a CPU.
std::optional<uint32_t> ParseCpu(std::string_view text) {
  const char* end = text.data() + text.size();
  uint32_t cpu = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, cpu);
  if (error != std::errc() || rest != end || cpu > kMaxCpuNumber) return std::nullopt;
  return cpu;
}

// Adds the CPUs of one number or range. False if `part` is neither.
bool AddPart(std::string_view part, CpuSet* cpus) {
  const size_t dash = part.find('-');
  const std::optional<uint32_t> first = ParseCpu(part.substr(0, dash));
  const std::optional<uint32_t> last =
      dash == std::string_view::npos ? first : ParseCpu(part.substr(dash + 1));
  if (!first.has_value() || !last.has_value() || *first > *last) return false;
  for (uint32_t cpu = *first; cpu <= *last; ++cpu) cpus->set(cpu);
  return true;
}

}  // namespace

absl::StatusOr<std::vector<uint32_t>> ParseCpuList(std::string_view field, std::string_view text) {
  CpuSet set;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    if (!AddPart(text.substr(begin, end - begin), &set)) {
      return FieldError(
          Reason::kFieldMalformed, field,
          StrCat("must be numbers of CPUs up to ", kMaxCpuNumber,
                 " and ranges of them, such as \"0-3,8\", not \"", EscapeForLog(text, 40), "\""));
    }
    begin = end + 1;
  }
  std::vector<uint32_t> cpus;
  for (uint32_t cpu = 0; cpu <= kMaxCpuNumber; ++cpu) {
    if (set.test(cpu)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string FormatCpuList(const std::vector<uint32_t>& cpus) {
  std::string text;
  for (size_t i = 0; i < cpus.size();) {
    size_t last = i;
    while (last + 1 < cpus.size() && cpus[last + 1] == cpus[last] + 1) ++last;
    StrAppend(&text, text.empty() ? "" : ",", cpus[i]);
    if (last > i) StrAppend(&text, "-", cpus[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace flatvm::base
