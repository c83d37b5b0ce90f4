#include "daemon/base/error.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "daemon/base/str_cat.h"

namespace flatvm::base {
namespace {

constexpr std::string_view kPayloadUrl = "flatvm/error-info";
constexpr std::string_view kNoteUrl = "flatvm/note";
constexpr char kSeparator = '\x1f';

// A field's path may quote what somebody sent: it must not end the encoding's own field.
std::string WithoutSeparator(std::string text) {
  std::replace(text.begin(), text.end(), kSeparator, '?');
  return text;
}

std::string Encode(const ErrorInfo& info) {
  return StrCat(static_cast<int>(info.reason), std::string(1, kSeparator),
                WithoutSeparator(info.field), std::string(1, kSeparator),
                WithoutSeparator(info.limit), std::string(1, kSeparator), info.limit_value,
                std::string(1, kSeparator), info.asked, std::string(1, kSeparator), info.used,
                std::string(1, kSeparator), info.left);
}

}  // namespace

absl::Status MakeError(absl::StatusCode code, const ErrorInfo& info, std::string_view message) {
  absl::Status status(code, ToAbsl(message));
  status.SetPayload(ToAbsl(kPayloadUrl), absl::Cord(Encode(info)));
  return status;
}

absl::Status MakeError(absl::StatusCode code, Reason reason, std::string_view message) {
  return MakeError(code, ErrorInfo{.reason = reason}, message);
}

absl::Status FieldError(Reason reason, std::string_view field, std::string_view message) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   ErrorInfo{.reason = reason, .field = std::string(field)},
                   StrCat(field, ": ", message));
}

absl::Status InternalError(std::string_view message) {
  return MakeError(absl::StatusCode::kInternal, Reason::kInternalError, message);
}

absl::Status ErrnoError(int error, std::string_view what) {
  const char* name = strerrorname_np(error);
  return InternalError(StrCat(what, ": ", name != nullptr ? name : "unknown errno", " (",
                              strerrordesc_np(error) != nullptr ? strerrordesc_np(error) : "",
                              ")"));
}

ErrorInfo GetErrorInfo(const absl::Status& status) {
  ErrorInfo info;
  if (status.ok()) return info;
  info.reason = Reason::kInternalError;
  auto payload = status.GetPayload(ToAbsl(kPayloadUrl));
  if (!payload.has_value()) return info;
  const std::string encoded(*payload);
  std::vector<std::string> parts = absl::StrSplit(encoded, kSeparator);
  int reason = 0;
  if (parts.size() != 7 || !absl::SimpleAtoi(parts[0], &reason)) return info;
  info.reason = static_cast<Reason>(reason);
  info.field = parts[1];
  info.limit = parts[2];
  // Encode wrote these: they parse.
  (void)absl::SimpleAtoi(parts[3], &info.limit_value);
  (void)absl::SimpleAtoi(parts[4], &info.asked);
  (void)absl::SimpleAtoi(parts[5], &info.used);
  (void)absl::SimpleAtoi(parts[6], &info.left);
  return info;
}

std::string PublicMessage(const absl::Status& status) {
  if (status.ok()) return "";
  // No Reason: nobody wrote this text for callers; it may hold a path.
  const bool for_callers = status.GetPayload(ToAbsl(kPayloadUrl)).has_value();
  if (status.code() == absl::StatusCode::kInternal || !for_callers) {
    const auto note = status.GetPayload(ToAbsl(kNoteUrl));
    return StrCat(
        "the host failed to do this; its operator finds the cause in the journal under this "
        "request's id",
        note.has_value() ? "; " : "", note.has_value() ? std::string(*note) : "");
  }
  return std::string(Message(status));
}

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status outer(status.code(), StrCat(context, ": ", Message(status)));
  status.ForEachPayload([&outer](absl::string_view url, const absl::Cord& payload) {
    outer.SetPayload(url, payload);
  });
  return outer;
}

absl::Status WithNote(const absl::Status& status, std::string_view note) {
  if (status.ok()) return status;
  absl::Status longer(status.code(), StrCat(Message(status), "; ", note));
  status.ForEachPayload([&longer](absl::string_view url, const absl::Cord& payload) {
    longer.SetPayload(url, payload);
  });
  longer.SetPayload(ToAbsl(kNoteUrl), absl::Cord(ToAbsl(note)));
  return longer;
}

std::string EscapeForLog(std::string_view text, size_t max) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char raw : text.substr(0, max)) {
    const auto c = static_cast<unsigned char>(raw);
    if (c >= 0x20 && c < 0x7f && c != '\\') {
      out.push_back(raw);
    } else {
      out.append("\\x");
      out.push_back(kHex[c >> 4U]);
      out.push_back(kHex[c & 0xFU]);
    }
  }
  if (text.size() > max) out.append("...");
  return out;
}

}  // namespace flatvm::base
