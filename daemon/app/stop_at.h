// Where a test wants flatvm's programs to stop (CONTRIBUTING.md); nowhere in production.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/base/steps.h"

namespace flatvm::app {

struct StopAt {
  base::Steps steps;         // flatvmd's own
  std::string front;         // handed on to fronts; empty: nothing
  std::string quota_worker;  // and to quota workers
};

// What `name`, of base::kStopAt in the environment or null, comes to. `log` outlives it. Errors: as
// base::StepsStoppingAt.
absl::StatusOr<StopAt> FindStopAt(const char* name, base::Logger& log);

// All steps, a line each: "out.asked flatvmd".
std::string DescribeSteps();

}  // namespace flatvm::app
