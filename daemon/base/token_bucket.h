// A rate limit as arithmetic: so many a second, so many at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace flatvm::base {

// Starts full. Time is the caller's, and never goes back. Thread-compatible.
class TokenBucket {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `per_second` > 0 and `burst` >= 1.
  TokenBucket(double per_second, double burst)
      : per_second_(per_second), burst_(burst), tokens_(burst) {}

  // Takes `amount` if there is that much; else takes nothing and answers false.
  bool Take(Time now, double amount = 1) {
    Refill(now);
    if (tokens_ < amount) return false;
    tokens_ -= amount;
    return true;
  }

  // How long until Take(amount) can succeed; 0: now.
  std::chrono::milliseconds Wait(Time now, double amount = 1) {
    Refill(now);
    if (tokens_ >= amount) return std::chrono::milliseconds(0);
    const double seconds = (amount - tokens_) / per_second_;
    return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000) + 1);
  }

  bool Full(Time now) const { return At(now) >= burst_; }

 private:
  double At(Time now) const {
    if (last_ == Time{} || now <= last_) return tokens_;
    const double seconds = std::chrono::duration<double>(now - last_).count();
    return std::min(burst_, tokens_ + seconds * per_second_);
  }

  void Refill(Time now) {
    tokens_ = At(now);
    last_ = std::max(last_, now);
  }

  double per_second_;
  double burst_;
  double tokens_;
  Time last_{};  // Time{}: never used
};

}  // namespace flatvm::base
