// Keeps log lines for a test to look at.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/log.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeLog final : public base::Logger {
 public:
  struct Line {
    base::LogLevel level;
    std::string message;
    base::LogFields fields;
  };

  using Logger::Log;
  void Log(base::LogLevel level, std::string_view message, const base::LogFields& fields) override {
    const std::lock_guard lock(mutex_);
    lines_.push_back(Line{level, std::string(message), fields});
  }

  std::vector<Line> Lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

  bool Has(std::string_view part) {
    const std::lock_guard lock(mutex_);
    for (const Line& line : lines_) {
      if (line.message.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  std::mutex mutex_;  // guards lines_
  std::vector<Line> lines_;
};

}  // namespace flatvm::fakes
