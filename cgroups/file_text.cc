#include "cgroups/file_text.h"

#include <charconv>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::string_view TakePart(std::string_view* rest, char separator) {
  const size_t end = rest->find(separator);
  const std::string_view part = rest->substr(0, end);
  rest->remove_prefix(end == std::string_view::npos ? rest->size() : end + 1);
  return part;
}

bool ChopNewline(std::string_view* text) {
  if (!text->ends_with('\n')) return false;
  text->remove_suffix(1);
  return true;
}

absl::Status Malformed(std::string_view content, std::string_view what) {
  return base::InternalError(
      base::StrCat("holds \"", base::EscapeForLog(content, 60), "\", which is no ", what));
}

absl::StatusOr<std::optional<uint64_t>> FindKeyedNumber(std::string_view content,
                                                        std::string_view key) {
  std::optional<uint64_t> found;
  while (!content.empty()) {
    const std::string_view line = TakePart(&content, '\n');
    std::string_view rest = line;
    const std::string_view name = TakePart(&rest, ' ');
    const std::optional<uint64_t> number = ParseNumber(rest);
    if (name.empty() || !number.has_value()) return Malformed(line, "key and number");
    if (name == key) found = number;
  }
  return found;
}

absl::StatusOr<uint64_t> ParseKeyedNumber(std::string_view content, std::string_view key) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<uint64_t> number, FindKeyedNumber(content, key));
  if (!number.has_value()) return base::InternalError(base::StrCat("does not say ", key));
  return *number;
}

}  // namespace flatvm::cgroups
