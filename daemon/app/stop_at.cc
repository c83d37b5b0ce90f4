#include "daemon/app/stop_at.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::app {
namespace {

const char* NameOf(base::Program program) {
  switch (program) {
    case base::Program::kFlatvmd:
      return "flatvmd";
    case base::Program::kQuotaWorker:
      return "flatvm-quota";
    case base::Program::kFront:
      return "flatvm-front";
  }
  return "";
}

}  // namespace

absl::StatusOr<StopAt> FindStopAt(const char* name, base::Logger& log) {
  StopAt stop_at;
  FLATVM_ASSIGN_OR_RETURN(stop_at.steps, base::StepsStoppingAt(name, base::Program::kFlatvmd, log));
  for (const base::StepInfo& step : base::kSteps) {
    if (name == nullptr || step.name != name) continue;
    if (step.program == base::Program::kFront) stop_at.front = name;
    if (step.program == base::Program::kQuotaWorker) stop_at.quota_worker = name;
  }
  return stop_at;
}

std::string DescribeSteps() {
  std::string text;
  for (const base::StepInfo& step : base::kSteps) {
    base::StrAppend(&text, step.name, " ", NameOf(step.program), "\n");
  }
  return text;
}

}  // namespace flatvm::app
