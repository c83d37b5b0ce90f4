#include "daemon/base/size_text.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::base {
namespace {

struct Quantity {
  uint64_t number = 0;
  std::string_view unit;
};

// False if `text` does not begin with a digit. A number that does not fit becomes the largest one,
// which is out of every range.
bool SplitQuantity(std::string_view text, Quantity* quantity) {
  const char* end = text.data() + text.size();
  if (text.empty() || text.front() < '0' || text.front() > '9') return false;
  const auto [rest, error] = std::from_chars(text.data(), end, quantity->number);
  if (error != std::errc()) quantity->number = std::numeric_limits<uint64_t>::max();
  quantity->unit = std::string_view(rest, static_cast<size_t>(end - rest));
  return true;
}

}  // namespace

absl::StatusOr<uint32_t> ParseSizeMib(std::string_view field, std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, uint64_t>, 4> kUnitsInKib = {
      {{"KiB", 1}, {"MiB", 1024}, {"GiB", 1024 * 1024}, {"TiB", uint64_t{1024} * 1024 * 1024}}};
  Quantity quantity;
  if (SplitQuantity(text, &quantity)) {
    for (const auto& [unit, kib] : kUnitsInKib) {
      if (quantity.unit != unit) continue;
      const uint64_t max_kib = uint64_t{std::numeric_limits<uint32_t>::max()} * 1024;
      if (quantity.number > max_kib / kib) {
        return FieldError(Reason::kFieldOutOfRange, field, "must be less than 4096TiB");
      }
      const uint64_t total_kib = quantity.number * kib;
      if (total_kib % 1024 != 0) {
        return FieldError(Reason::kFieldMalformed, field, "must be a whole number of MiB");
      }
      return static_cast<uint32_t>(total_kib / 1024);
    }
  }
  return FieldError(Reason::kFieldMalformed, field,
                    StrCat("must be a whole number and one of KiB, MiB, GiB or TiB, such as "
                           "\"512MiB\", not \"",
                           EscapeForLog(text, 40), "\""));
}

std::string FormatSizeMib(uint32_t size_mib) {
  if (size_mib != 0 && size_mib % (1024U * 1024U) == 0) {
    return StrCat(size_mib / (1024U * 1024U), "TiB");
  }
  if (size_mib != 0 && size_mib % 1024U == 0) return StrCat(size_mib / 1024U, "GiB");
  return StrCat(size_mib, "MiB");
}

absl::StatusOr<uint32_t> ParseDurationMs(std::string_view field, std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, uint64_t>, 3> kUnitsInMs = {
      {{"ms", 1}, {"s", 1000}, {"min", 60'000}}};
  constexpr uint64_t kDayMs = 86'400'000;
  Quantity quantity;
  if (SplitQuantity(text, &quantity)) {
    for (const auto& [unit, ms] : kUnitsInMs) {
      if (quantity.unit != unit) continue;
      if (quantity.number > kDayMs / ms) {
        return FieldError(Reason::kFieldOutOfRange, field, "must be at most a day");
      }
      return static_cast<uint32_t>(quantity.number * ms);
    }
  }
  return FieldError(Reason::kFieldMalformed, field,
                    StrCat("must be a whole number and one of ms, s or min, such as \"30s\", "
                           "not \"",
                           EscapeForLog(text, 40), "\""));
}

std::string FormatDurationMs(uint32_t duration_ms) {
  if (duration_ms != 0 && duration_ms % 60'000 == 0) return StrCat(duration_ms / 60'000, "min");
  if (duration_ms % 1000 == 0) return StrCat(duration_ms / 1000, "s");
  return StrCat(duration_ms, "ms");
}

}  // namespace flatvm::base
