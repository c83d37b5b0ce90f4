#include "daemon/config/strict_json.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::config {
namespace {

using Json = nlohmann::json;

// nlohmann writes "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error
// while …"; what comes after the place is the part worth reading.
std::string_view WithoutPlace(std::string_view what) {
  const size_t column = what.find("column ");
  if (column == std::string_view::npos) return what;
  const size_t end = what.find(": ", column);
  return end == std::string_view::npos ? what : what.substr(end + 2);
}

// Walks the text once, keeping only the path to where it is. Stops at the first error.
class Checker final : public nlohmann::json_sax<Json> {
 public:
  explicit Checker(std::string_view text) : text_(text) {}

  const absl::Status& status() const { return status_; }

  bool null() override { return Value(); }
  bool boolean(bool /*value*/) override { return Value(); }
  bool number_integer(number_integer_t /*value*/) override { return Value(); }
  bool number_unsigned(number_unsigned_t /*value*/) override { return Value(); }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return Value(); }
  bool string(string_t& /*value*/) override { return Value(); }
  bool binary(binary_t& /*value*/) override { return Value(); }

  bool start_object(std::size_t /*elements*/) override {
    levels_.emplace_back();
    return true;
  }
  bool key(string_t& value) override {
    Level& level = levels_.back();
    level.key = value;
    if (level.seen.insert(value).second) return true;
    const std::string path = Path();
    status_ = base::FieldError(base::Reason::kFieldMalformed, path, "is there twice");
    return false;
  }
  bool end_object() override { return End(); }
  bool start_array(std::size_t /*elements*/) override {
    levels_.emplace_back();
    levels_.back().is_array = true;
    return true;
  }
  bool end_array() override { return End(); }

  bool parse_error(std::size_t position, const std::string& /*last_token*/,
                   const Json::exception& error) override {
    const std::string_view read = text_.substr(0, std::min(position, text_.size()));
    // `position` counts the byte that was one too many.
    const std::string_view before = read.substr(0, read.empty() ? 0 : read.size() - 1);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const size_t newline = before.rfind('\n');
    const size_t column = before.size() - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
    const std::string_view last = read.substr(before.size());
    const bool comment = last == "/" || last == "#";
    status_ =
        base::MakeError(absl::StatusCode::kInvalidArgument, base::Reason::kFieldMalformed,
                        base::StrCat("line ", line, ", column ", column, ": ",
                                     comment ? "comments are not allowed"
                                             : base::EscapeForLog(WithoutPlace(error.what()))));
    return false;
  }

 private:
  struct Level {
    bool is_array = false;
    size_t index = 0;  // of an array's next element
    std::string key;   // an object's latest key
    std::set<std::string> seen;
  };

  bool Value() {
    if (!levels_.empty()) ++levels_.back().index;
    return true;
  }
  bool End() {
    levels_.pop_back();
    return Value();
  }

  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.is_array) {
        base::StrAppend(&path, "[", level.index, "]");
      } else {
        base::StrAppend(&path, path.empty() ? "" : ".", base::EscapeForLog(level.key, 60));
      }
    }
    return path;
  }

  const std::string_view text_;
  std::vector<Level> levels_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<Json> ParseStrictJson(std::string_view text) {
  Checker checker(text);
  const bool strict = true;  // nothing after the value
  if (!Json::sax_parse(text.begin(), text.end(), &checker, Json::input_format_t::json, strict)) {
    if (!checker.status().ok()) return checker.status();
    return base::InternalError("JSON reader stopped without saying why");
  }
  Json tree = Json::parse(text.begin(), text.end(), nullptr, false);
  if (tree.is_discarded()) return base::InternalError("JSON readers disagree");
  return tree;
}

}  // namespace flatvm::config
