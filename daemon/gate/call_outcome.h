// A call and its answer as they pass the gate: bytes, and whose they are.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "daemon/base/error.h"

namespace flatvm::gate {

// What goes back to the caller.
struct CallOutcome {
  int code = 0;          // google.rpc.Code
  std::string message;   // public text
  std::string detail;    // serialized flatvm.v1.ErrorDetail; empty when code is 0
  std::string response;  // serialized response message, 4 MiB at most
};

// Answers a call of `tenant`. Method and bytes are the caller's and may be anything. `timeout` is
// what is left of the caller's deadline; 0: none. Called by many threads; may block.
using HandleCall =
    std::function<CallOutcome(const std::string& tenant, const std::string& method,
                              const std::string& request, std::chrono::milliseconds timeout)>;

// A failure of the gate's own making.
CallOutcome Failure(absl::StatusCode code, const base::ErrorInfo& info, std::string_view message);

}  // namespace flatvm::gate
