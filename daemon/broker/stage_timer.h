// Times the named stages of one operation and watches its deadline.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/clock.h"
#include "daemon/broker/records.h"

namespace flatvm::broker {

// Thread-compatible.
class StageTimer {
 public:
  StageTimer(const base::Clock& clock, std::chrono::milliseconds timeout)
      : clock_(clock), deadline_(clock.Steady() + timeout), stage_start_(clock.Steady()) {}

  // Ends the running stage under `name`; the next begins.
  // Errors: DEADLINE_EXCEEDED / kStageTimedOut naming the stage if the whole operation took too
  // long.
  absl::Status EndStage(const std::string& name);

  // The same for a stage that may take as long as it needs: its time is added to the deadline.
  void EndOpenStage(const std::string& name);

  const std::vector<StageDuration>& stages() const { return stages_; }
  std::chrono::steady_clock::time_point deadline() const { return deadline_; }

 private:
  // Of the stage that ends.
  std::chrono::steady_clock::duration Note(const std::string& name);

  const base::Clock& clock_;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::steady_clock::time_point stage_start_;
  std::vector<StageDuration> stages_;
};

}  // namespace flatvm::broker
