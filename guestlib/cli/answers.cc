#include "guestlib/cli/answers.h"

#include "daemon/base/exit_code.h"
#include "guestlib/cli/render_error.h"

namespace flatvm::cli {

int Answers::Fail(const Error& error) const {
  err_ << RenderError(error, format_) << std::flush;
  return base::ExitCodeFor(static_cast<int>(error.code));
}

int Answers::Print(const std::string& text) const {
  out_ << text << std::flush;  // a later line may be long in coming
  return 0;
}

}  // namespace flatvm::cli
