// A clock that a test moves.
#pragma once

#include <chrono>
#include <mutex>

#include "daemon/base/clock.h"

namespace flatvm::fakes {

// Thread-safe. Every reading moves it by `tick`, so that durations are not zero.
class FakeClock final : public base::Clock {
 public:
  std::chrono::system_clock::time_point Now() const override {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1'700'000'000));
  }

  std::chrono::steady_clock::time_point Steady() const override {
    const std::lock_guard lock(mutex_);
    now_ += tick_;
    return now_;
  }

  void SleepFor(std::chrono::steady_clock::duration duration) const override {
    const std::lock_guard lock(mutex_);
    now_ += duration;
  }

  void Advance(std::chrono::steady_clock::duration by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }

  void SetTick(std::chrono::steady_clock::duration tick) {
    const std::lock_guard lock(mutex_);
    tick_ = tick;
  }

 private:
  mutable std::mutex mutex_;  // guards what follows
  mutable std::chrono::steady_clock::time_point now_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration tick_ = std::chrono::microseconds(10);
};

}  // namespace flatvm::fakes
