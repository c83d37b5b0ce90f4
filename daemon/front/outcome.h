// How a call ends, before anything of gRPC: a code, a text, an error's detail, or a response.
#pragma once

#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace flatvm::front {

struct Outcome {
  int code = 0;          // google.rpc.Code
  std::string message;   // public text
  std::string detail;    // serialized flatvm.v1.ErrorDetail; empty when code is 0
  std::string response;  // serialized response message
};

// A failure of the front's own making.
Outcome Failure(absl::StatusCode code, const base::ErrorInfo& info, std::string_view message);

}  // namespace flatvm::front
