#include "daemon/broker/stage_timer.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {

std::chrono::steady_clock::duration StageTimer::Note(const std::string& name) {
  const auto now = clock_.Steady();
  const auto took = now - stage_start_;
  stages_.push_back(
      StageDuration{.stage = name,
                    .duration_us = static_cast<uint32_t>(
                        std::chrono::duration_cast<std::chrono::microseconds>(took).count())});
  stage_start_ = now;
  return took;
}

void StageTimer::EndOpenStage(const std::string& name) { deadline_ += Note(name); }

absl::Status StageTimer::EndStage(const std::string& name) {
  Note(name);
  if (stage_start_ <= deadline_) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kDeadlineExceeded, base::Reason::kStageTimedOut,
                         base::StrCat("the host was too slow: the time was over after stage \"",
                                      name, "\"; nothing was left behind"));
}

}  // namespace flatvm::broker
