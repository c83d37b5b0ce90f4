#include "guestlib/cli/render_error.h"

#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "guestlib/cli/render_json.h"

namespace flatvm::cli {
namespace {

using base::StrAppend;
using base::StrCat;

std::string ErrorText(const Error& error) {
  std::string line =
      StrCat("flatvm: ", error.message, " (", CodeName(error.code), "/", ReasonName(error.reason));
  if (!error.limit.empty()) {
    StrAppend(&line, "; ", error.limit, ": asked ", error.asked, ", used ", error.used, " of ",
              error.limit_value, ", left ", error.left);
  }
  if (error.code == Code::kInternal && !error.request_id.empty()) {
    StrAppend(&line, "; request ", error.request_id);
  }
  return base::EscapeForTerminal(line + ")") + "\n";
}

std::string ErrorJson(const Error& error) {
  Json fields = {{"code", CodeName(error.code)},
                 {"reason", ReasonName(error.reason)},
                 {"message", error.message}};
  if (!error.field.empty()) fields.emplace("field", error.field);
  if (!error.limit.empty()) {
    fields.emplace("limit", error.limit);
    fields.emplace("limit_value", error.limit_value);
    fields.emplace("asked", error.asked);
    fields.emplace("used", error.used);
    fields.emplace("left", error.left);
  }
  if (!error.request_id.empty()) fields.emplace("request_id", error.request_id);
  const Json object = {{"error", fields}};
  constexpr int kOneLine = -1;
  return object.dump(kOneLine, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string RenderError(const Error& error, OutputFormat format) {
  return format == OutputFormat::kJson ? ErrorJson(error) : ErrorText(error);
}

}  // namespace flatvm::cli
