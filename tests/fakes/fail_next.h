// Faults on request: what every fake of a port has in common.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"

namespace flatvm::fakes {

// Base of a fake. A fake's method begins with `FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));`, so
// that it fails before it has any effect. Thread-safe.
class FailableFake {
 public:
  // The next call of the method `op` (its bare name, such as "EnsureSlice") fails with `status`;
  // the one after works again.
  void FailNext(std::string_view op, absl::Status status) {
    const std::lock_guard lock(failures_mutex_);
    failures_.insert_or_assign(std::string(op), std::move(status));
  }
  // Every call fails from now on; whoever makes them has been killed. Or no more.
  void SetCutOff(bool cut_off) {
    const std::lock_guard lock(failures_mutex_);
    cut_off_ = cut_off;
  }

 protected:
  FailableFake() = default;
  ~FailableFake() = default;

  // The failure ordered for `op`, which is thereby used up; OK if there is none.
  absl::Status TakeFailure(std::string_view op) {
    const std::lock_guard lock(failures_mutex_);
    if (cut_off_) return absl::UnavailableError("cut off");
    const auto it = failures_.find(op);
    if (it == failures_.end()) return absl::OkStatus();
    absl::Status status = std::move(it->second);
    failures_.erase(it);
    return status;
  }

 private:
  std::mutex failures_mutex_;  // guards what follows
  std::map<std::string, absl::Status, std::less<>> failures_;
  bool cut_off_ = false;
};

}  // namespace flatvm::fakes
