#include "daemon/base/names.h"

#include <algorithm>
#include <iterator>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsRequestIdChar(char c) {
  return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '.' || c == '-';
}

bool IsLowerHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameLength && text.front() != '-' &&
         text.back() != '-' && std::all_of(text.begin(), text.end(), [](char c) {
           return IsLowerOrDigit(c) || c == '-';
         });
}

absl::Status CheckName(std::string_view field, std::string_view text) {
  if (text.empty()) return FieldError(Reason::kFieldMissing, field, "is required");
  if (IsName(text)) return absl::OkStatus();
  return FieldError(Reason::kFieldMalformed, field,
                    "must be 1 to 40 of a-z, 0-9 and '-', and neither begin nor end with '-'");
}

absl::Status CheckRequestId(std::string_view text) {
  if (text.size() <= kMaxRequestIdLength &&
      std::all_of(text.begin(), text.end(), IsRequestIdChar)) {
    return absl::OkStatus();
  }
  return FieldError(Reason::kFieldMalformed, "request_id",
                    "must be at most 64 of A-Z, a-z, 0-9, '_', '.' and '-'");
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !IsLowerHex(text[i])) return false;
  }
  return true;
}

std::string EscapeUnitComponent(std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (c == '-') {
      escaped.append("\\x2d");
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

std::string TapName(std::string_view mac) {
  std::string name = "fv";
  std::copy_if(mac.begin(), mac.end(), std::back_inserter(name), IsLowerHex);
  return name;
}

}  // namespace flatvm::base
