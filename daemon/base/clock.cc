#include "daemon/base/clock.h"

#include <thread>

namespace flatvm::base {

std::chrono::system_clock::time_point RealClock::Now() const {
  return std::chrono::system_clock::now();
}

std::chrono::steady_clock::time_point RealClock::Steady() const {
  return std::chrono::steady_clock::now();
}

void RealClock::SleepFor(std::chrono::steady_clock::duration duration) const {
  std::this_thread::sleep_for(duration);
}

}  // namespace flatvm::base
