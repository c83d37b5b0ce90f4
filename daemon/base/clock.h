// Time, as a dependency: the real clock or a test's.
#pragma once

#include <chrono>

namespace flatvm::base {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time, for what people read.
  virtual std::chrono::system_clock::time_point Now() const = 0;
  // Monotonic time, for durations and deadlines.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
  // Blocks for so long.
  virtual void SleepFor(std::chrono::steady_clock::duration duration) const = 0;
};

class RealClock final : public Clock {
 public:
  std::chrono::system_clock::time_point Now() const override;
  std::chrono::steady_clock::time_point Steady() const override;
  void SleepFor(std::chrono::steady_clock::duration duration) const override;
};

}  // namespace flatvm::base
