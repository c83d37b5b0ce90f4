// A failed gRPC call as an Error. Pure.
#pragma once

#include <chrono>
#include <string>

#include "flatvm/error.h"
#include "grpcpp/support/status.h"

namespace flatvm::guestlib {

struct Failure {
  Error error;
  // The host's own answer, with details; else gRPC made it: the connection broke, the time was up,
  // or the host is of another version.
  bool answered = false;
};

// `status` is not OK. `timeout` is the call's, for the text.
Failure DecodeError(const grpc::Status& status, std::chrono::milliseconds timeout);

// "90s", "1500ms".
std::string DurationText(std::chrono::milliseconds duration);

}  // namespace flatvm::guestlib
