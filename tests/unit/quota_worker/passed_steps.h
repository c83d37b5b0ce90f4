// The steps that a worker passes, for tests to compare with those of the table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/steps.h"

namespace flatvm::quota_worker {

// Thread-compatible.
class PassedSteps {
 public:
  base::Steps observer() {
    return base::Steps([this](base::Step step) { names_.emplace_back(step.info().name); });
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
};

// Those of the table, in its order, whose names begin so.
inline std::vector<std::string> StepsNamed(std::string_view prefix) {
  std::vector<std::string> names;
  for (const base::StepInfo& step : base::kSteps) {
    if (step.name.starts_with(prefix)) names.emplace_back(step.name);
  }
  return names;
}

}  // namespace flatvm::quota_worker
