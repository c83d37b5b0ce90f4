#include "daemon/base/steps.h"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::base {

absl::StatusOr<Steps> StepsStoppingAt(const char* name, Program program, Logger& log) {
  const std::string_view wanted = name == nullptr ? "" : name;
  if (wanted.empty()) return Steps();
  const StepInfo* found =
      std::find_if(std::begin(kSteps), std::end(kSteps),
                   [wanted](const StepInfo& step) { return step.name == wanted; });
  if (found == std::end(kSteps)) {
    return FieldError(Reason::kFieldMalformed, kStopAt,
                      StrCat("there is no step \"", EscapeForLog(wanted, 40), "\""));
  }
  if (found->program != program) return Steps();
  return Steps([found, &log](Step step) {
    if (&step.info() != found) return;
    log.Log(LogLevel::kNotice, StrCat("stops at ", found->name, ", as ", kStopAt, " says"));
    ::raise(SIGSTOP);
  });
}

}  // namespace flatvm::base
