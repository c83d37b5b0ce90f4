// The edge of every call: gives it an id, times it, and writes its one line to the journal.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"

namespace flatvm::rpc {

// One call from its arrival to its answer. Thread-compatible.
class Operation {
 public:
  // `op` is the method's name. `request_id` is the caller's; if it is empty or malformed, one is
  // made up.
  Operation(base::Logger& log, const base::Clock& clock, std::string op, const std::string& tenant,
            const std::string& request_id);

  // The id under which the journal tells of this call.
  const std::string& request_id() const { return fields_.request; }

  // The call's secondary, volume or own image, by name or id, as the caller wrote it; escaped here.
  void SetVm(const std::string& vm);
  void SetVolume(const std::string& volume);
  void SetImage(const std::string& image);

  // Writes the line: info for success and for what callers do wrong, error for INTERNAL.
  void Finish(const absl::Status& status);

 private:
  base::Logger& log_;
  const base::Clock& clock_;
  const std::chrono::steady_clock::time_point start_;
  base::LogFields fields_;
};

}  // namespace flatvm::rpc
