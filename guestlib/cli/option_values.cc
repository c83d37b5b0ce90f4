#include "guestlib/cli/option_values.h"

#include <charconv>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cli {
namespace {

using base::StrCat;

// The daemon's parsers speak absl::Status; numbers of reasons are the same.
Error FromStatus(const absl::Status& status) {
  const base::ErrorInfo info = base::GetErrorInfo(status);
  return UsageError(static_cast<Reason>(info.reason), std::string(base::Message(status)),
                    info.field);
}

}  // namespace

Error UsageError(Reason reason, std::string message, std::string field) {
  return {.code = Code::kInvalidArgument,
          .reason = reason,
          .message = std::move(message),
          .field = std::move(field)};
}

Result<uint32_t> ParseCount(const std::string& option, const std::string& text) {
  uint32_t count = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count);
  if (error == std::errc::result_out_of_range && rest == end) {
    return UsageError(Reason::kFieldOutOfRange, option + ": is too large", option);
  }
  if (error == std::errc() && rest == end) return count;
  return UsageError(Reason::kFieldMalformed,
                    StrCat(option, ": must be a whole number, such as 1, not \"",
                           base::EscapeForLog(text, 40), "\""),
                    option);
}

Result<uint32_t> ParseSize(const std::string& option, const std::string& text) {
  const absl::StatusOr<uint32_t> size_mib = base::ParseSizeMib(option, text);
  if (!size_mib.ok()) return FromStatus(size_mib.status());
  return *size_mib;
}

Result<std::chrono::milliseconds> ParseTimeout(const std::string& option, const std::string& text) {
  const absl::StatusOr<uint32_t> timeout_ms = base::ParseDurationMs(option, text);
  if (!timeout_ms.ok()) return FromStatus(timeout_ms.status());
  if (*timeout_ms == 0) {
    return UsageError(Reason::kFieldOutOfRange, option + ": must not be 0", option);
  }
  return std::chrono::milliseconds(*timeout_ms);
}

Result<ImageFormat> ParseImageFormat(const std::optional<std::string>& word,
                                     const std::string& path) {
  if (word.has_value()) {
    if (*word == "raw") return ImageFormat::kRaw;
    if (*word == "qcow2") return ImageFormat::kQcow2;
    return UsageError(
        Reason::kFieldMalformed,
        StrCat("--format: must be raw or qcow2, not \"", base::EscapeForLog(*word, 40), "\""),
        "--format");
  }
  if (path.ends_with(".qcow2")) return ImageFormat::kQcow2;
  if (path.ends_with(".raw") || path.ends_with(".img")) return ImageFormat::kRaw;
  return UsageError(Reason::kFieldMissing,
                    "--format: must be said, raw or qcow2, for a file whose name ends with none of "
                    ".raw, .img and .qcow2",
                    "--format");
}

Result<std::string> ImageNameFor(const std::string& path) {
  const std::string file = path.substr(path.rfind('/') + 1);
  std::string name = file.substr(0, file.rfind('.'));
  if (base::IsName(name)) return name;
  return UsageError(Reason::kFieldMissing,
                    StrCat("--name: is required, as \"", base::EscapeForLog(name, 40),
                           "\" is no name: 1 to 40 of a-z, 0-9 and '-'"),
                    "--name");
}

}  // namespace flatvm::cli
