// Structured log lines. The sink (journald or stderr) is somebody else's.
#pragma once

#include <string>
#include <string_view>

namespace flatvm::base {

// syslog's priorities. kError only where the operator must act.
enum class LogLevel : int { kError = 3, kWarning = 4, kNotice = 5, kInfo = 6, kDebug = 7 };

// Journal fields of a line; empty ones are left out. Guest-chosen text must have passed
// EscapeForLog.
struct LogFields {
  std::string request;  // FLATVM_REQUEST
  std::string tenant;   // FLATVM_TENANT
  std::string vm;       // FLATVM_VM
  std::string volume;   // FLATVM_VOLUME
  std::string image;    // FLATVM_IMAGE
  std::string op;       // FLATVM_OP
  std::string code;     // FLATVM_CODE
  std::string reason;   // FLATVM_REASON
  std::string ms;       // FLATVM_MS
};

// Thread-safe.
class Logger {
 public:
  virtual ~Logger() = default;
  virtual void Log(LogLevel level, std::string_view message, const LogFields& fields) = 0;
  void Log(LogLevel level, std::string_view message) { Log(level, message, LogFields{}); }
};

// Writes "<N>message tenant=… vm=…" to standard error, always one line, <N> being the priority as
// sd-daemon(3) reads it.
class StderrLogger final : public Logger {
 public:
  using Logger::Log;
  void Log(LogLevel level, std::string_view message, const LogFields& fields) override;
};

}  // namespace flatvm::base
