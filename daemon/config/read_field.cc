#include "daemon/config/read_field.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <type_traits>

#include "daemon/base/error.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"

namespace flatvm::config {
namespace {

using Json = nlohmann::json;
using base::FieldError;
using base::Reason;

absl::Status Malformed(const std::string& path, std::string_view message) {
  return FieldError(Reason::kFieldMalformed, path, message);
}

absl::Status WrongType(const std::string& path, std::string_view wanted, const Json& value) {
  return Malformed(path, base::StrCat("must be ", wanted, ", not ", value.type_name()));
}

bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

// Only that it looks like one: what the address means is for its user (folder law).
bool LooksLikeSubnet(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return false;
  const std::string_view address = text.substr(0, slash);
  const std::string_view length = text.substr(slash + 1);
  uint32_t bits = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  return address.find_first_not_of("0123456789.") == std::string_view::npos &&
         error == std::errc() && end == length.data() + length.size() && bits >= 8 && bits <= 29;
}

// An interface's name is at most 15 bytes (IFNAMSIZ, netdevice(7)).
bool LooksLikeInterface(std::string_view text) {
  return text.size() <= 15 && text.find_first_of("/ :\"\\") == std::string_view::npos &&
         text != "." && text != "..";
}

absl::Status Read(const std::string& path, const TextField& field, const Json& value,
                  Config* config) {
  const auto* text = value.get_ptr<const Json::string_t*>();
  if (text == nullptr) return WrongType(path, "a string", value);
  if (text->empty() || text->size() > 256 || !IsPrintable(*text)) {
    return Malformed(path, "must be 1 to 256 printable ASCII characters");
  }
  if (field.kind == TextKind::kAbsolutePath && text->front() != '/') {
    return Malformed(path, "must be an absolute path");
  }
  if (field.kind == TextKind::kInterface && !LooksLikeInterface(*text)) {
    return Malformed(path, "must be \"auto\" or a network interface's name, at most 15 characters");
  }
  if (field.kind == TextKind::kSubnet && !LooksLikeSubnet(*text)) {
    return Malformed(path,
                     "must be an IPv4 subnet with a prefix of 8 to 29, such as \"10.213.0.0/16\"");
  }
  config->*field.member = *text;
  return absl::OkStatus();
}

absl::Status Read(const std::string& path, const FlagField& field, const Json& value,
                  Config* config) {
  const auto* flag = value.get_ptr<const Json::boolean_t*>();
  if (flag == nullptr) return WrongType(path, "true or false", value);
  config->*field.member = *flag;
  return absl::OkStatus();
}

absl::Status Read(const std::string& path, const NumberField& field, const Json& value,
                  Config* config) {
  if (value.is_number_float()) return Malformed(path, "must be a whole number");
  if (!value.is_number_integer()) return WrongType(path, "a number", value);
  const auto* number = value.get_ptr<const Json::number_unsigned_t*>();  // null: negative
  if (number == nullptr || *number < field.min || *number > field.max) {
    return FieldError(Reason::kFieldOutOfRange, path,
                      base::StrCat("must be ", field.min, "..", field.max));
  }
  config->*field.member = static_cast<uint32_t>(*number);
  return absl::OkStatus();
}

// What sizes and durations share: a string with a unit, and a range that is shown with units too.
template <typename Field, typename ParseFn, typename FormatFn>
absl::Status ReadQuantity(const std::string& path, const Field& field, const Json& value,
                          std::string_view wanted, ParseFn parse, FormatFn format, Config* config) {
  const auto* text = value.get_ptr<const Json::string_t*>();
  if (text == nullptr) return WrongType(path, wanted, value);
  FLATVM_ASSIGN_OR_RETURN(const uint32_t quantity, parse(path, *text));
  if (quantity < field.min || quantity > field.max) {
    return FieldError(Reason::kFieldOutOfRange, path,
                      base::StrCat("must be ", format(field.min), "..", format(field.max)));
  }
  config->*field.member = quantity;
  return absl::OkStatus();
}

absl::Status Read(const std::string& path, const SizeField& field, const Json& value,
                  Config* config) {
  return ReadQuantity(path, field, value, "a string with a unit such as \"64MiB\"",
                      base::ParseSizeMib, base::FormatSizeMib, config);
}

absl::Status Read(const std::string& path, const DurationField& field, const Json& value,
                  Config* config) {
  return ReadQuantity(path, field, value, "a string with a unit such as \"30s\"",
                      base::ParseDurationMs, base::FormatDurationMs, config);
}

}  // namespace

absl::Status ReadField(const ConfigField& field, const Json& value, Config* config) {
  const std::string path = field.Path();
  return std::visit([&](const auto& kind) { return Read(path, kind, value, config); }, field.kind);
}

nlohmann::ordered_json WriteField(const ConfigField& field, const Config& config) {
  return std::visit(
      [&config](const auto& kind) -> nlohmann::ordered_json {
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (std::is_same_v<Kind, SizeField>) {
          return base::FormatSizeMib(config.*kind.member);
        } else if constexpr (std::is_same_v<Kind, DurationField>) {
          return base::FormatDurationMs(config.*kind.member);
        } else {
          return config.*kind.member;
        }
      },
      field.kind);
}

}  // namespace flatvm::config
