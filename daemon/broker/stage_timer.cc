#include "daemon/broker/stage_timer.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {

absl::Status StageTimer::EndStage(const std::string& name) {
  const auto now = clock_.Steady();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - stage_start_);
  stages_.push_back(
      StageDuration{.stage = name, .duration_us = static_cast<uint32_t>(took.count())});
  stage_start_ = now;
  if (now <= deadline_) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kDeadlineExceeded, base::Reason::kStageTimedOut,
                         base::StrCat("the host was too slow: the time was over after stage \"",
                                      name, "\"; nothing was left behind"));
}

}  // namespace flatvm::broker
