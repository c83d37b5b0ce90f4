#include "daemon/base/clock.h"

namespace flatvm::base {

std::chrono::system_clock::time_point RealClock::Now() const {
  return std::chrono::system_clock::now();
}

std::chrono::steady_clock::time_point RealClock::Steady() const {
  return std::chrono::steady_clock::now();
}

}  // namespace flatvm::base
