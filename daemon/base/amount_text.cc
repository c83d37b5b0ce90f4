#include "daemon/base/amount_text.h"

#include <array>
#include <cstdio>
#include <utility>

#include "daemon/base/str_cat.h"

namespace flatvm::base {
namespace {

// Largest first.
constexpr std::array<std::pair<uint64_t, const char*>, 4> kUnits = {{{uint64_t{1} << 40U, "TiB"},
                                                                     {uint64_t{1} << 30U, "GiB"},
                                                                     {uint64_t{1} << 20U, "MiB"},
                                                                     {uint64_t{1} << 10U, "KiB"}}};

// In the largest unit that leaves no remainder.
std::string ExactByteText(uint64_t bytes) {
  for (const auto& [unit, name] : kUnits) {
    if (bytes >= unit && bytes % unit == 0) return StrCat(bytes / unit, name);
  }
  return StrCat(bytes, "B");
}

}  // namespace

std::string ByteText(uint64_t bytes) {
  for (const auto& [unit, name] : kUnits) {
    if (bytes < unit) continue;
    const uint64_t whole = bytes / unit;
    if (whole >= 100) return StrCat(whole, name);
    return StrCat(whole, ".", bytes % unit * 10 / unit, name);
  }
  return StrCat(bytes, "B");
}

std::string RateText(uint64_t bytes, uint64_t operations, std::string_view none) {
  if (bytes == 0 && operations == 0) return std::string(none);
  std::string text = bytes == 0 ? "" : StrCat(ExactByteText(bytes), "/s");
  if (operations == 0) return text;
  return StrCat(text, text.empty() ? "" : ", ", operations, " iops");
}

std::string CpuTimeText(uint64_t us) {
  const uint64_t seconds = us / 1'000'000;
  const uint64_t minutes = seconds / 60;
  const uint64_t hours = minutes / 60;
  if (seconds < 60) return StrCat(seconds, ".", us / 100'000 % 10, " s");
  if (minutes < 60) return StrCat(minutes, " min ", seconds % 60, " s");
  if (hours < 24) return StrCat(hours, " h ", minutes % 60, " min");
  return StrCat(hours / 24, " d ", hours % 24, " h");
}

std::string PercentText(double percent) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f%%", percent);
  return text.data();
}

}  // namespace flatvm::base
