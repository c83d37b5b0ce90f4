// Log lines as journald structured fields; standard error where there is no journal.
#pragma once

#include "daemon/base/log.h"

namespace flatvm::app {

// Thread-safe.
class JournalLogger final : public base::Logger {
 public:
  using Logger::Log;
  void Log(base::LogLevel level, std::string_view message, const base::LogFields& fields) override;

 private:
  base::StderrLogger fallback_;
};

}  // namespace flatvm::app
