#include "daemon/check/version.h"

#include <charconv>

namespace flatvm::check {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n'; }

// Takes a number, and the point behind it, from the front.
bool TakeNumber(std::string_view* text, uint32_t* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  if (!text->empty() && text->front() == '.') text->remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Version> FindVersion(std::string_view output) {
  for (size_t at = 0; at < output.size(); ++at) {
    if (!IsDigit(output[at]) || (at > 0 && !IsSpace(output[at - 1]))) continue;
    size_t end = at;
    while (end < output.size() && (IsDigit(output[end]) || output[end] == '.')) ++end;
    std::string_view word = output.substr(at, end - at);
    Version version{.text = std::string(word)};
    if (!TakeNumber(&word, &version.major)) return std::nullopt;
    if (!word.empty() && !TakeNumber(&word, &version.minor)) return std::nullopt;
    return version;
  }
  return std::nullopt;
}

}  // namespace flatvm::check
