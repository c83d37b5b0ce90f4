// Errors on standard error: one line each.
#pragma once

#include <string>

#include "flatvm/error.h"
#include "guestlib/cli/command_line.h"

namespace flatvm::cli {

// Text: "flatvm: <message> (<CODE>/<REASON>)", where a limit was hit with its numbers, and for
// INTERNAL with the request's id. JSON: {"error":{"code","reason","message", and of field, limit,
// limit_value, asked, used, left, request_id those that apply}}. Escaped; with a newline.
std::string RenderError(const Error& error, OutputFormat format);

}  // namespace flatvm::cli
