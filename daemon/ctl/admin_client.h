// Calls of flatvm.v1.Admin over flatvmd's unix socket, repeated when the connection is lost.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "flatvm/v1/admin.grpc.pb.h"
#include "grpcpp/client_context.h"

namespace flatvm::ctl {

using SleepFn = std::function<void(std::chrono::milliseconds)>;

// Thread-compatible. Every call opens a connection of its own and blocks.
class AdminClient {
 public:
  // `timeout` bounds a call with all its repetitions, 1 ms to a day. `sleep` waits between them.
  AdminClient(std::string socket_path, std::chrono::milliseconds timeout, SleepFn sleep)
      : socket_path_(std::move(socket_path)), timeout_(timeout), sleep_(std::move(sleep)) {}

  // Calls `method` and returns its answer. A call whose connection was lost, or that flatvmd
  // dropped as it restarted, is sent again unchanged, a few times within the timeout: a request
  // that changes something must carry a request_id. Nobody listening at the first attempt is an
  // error at once. Errors: the daemon's, and those of call_status.h.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                        const Request&, Response*),
                                const Request& request) {
    Response response;
    const absl::Status status = Run([&](v1::Admin::Stub& stub, grpc::ClientContext* context) {
      response.Clear();
      return (stub.*method)(context, request, &response);
    });
    if (!status.ok()) return status;
    return response;
  }

  // How often the last call was sent: more than once, and NOT_FOUND for something that was to go
  // may mean that an earlier attempt did it.
  int attempts() const { return attempts_; }

 private:
  using OneCall = std::function<grpc::Status(v1::Admin::Stub&, grpc::ClientContext*)>;
  using Deadline = std::chrono::system_clock::time_point;

  absl::Status Run(const OneCall& call);
  absl::Status Attempt(const OneCall& call, Deadline deadline);

  const std::string socket_path_;
  const std::chrono::milliseconds timeout_;
  const SleepFn sleep_;
  int attempts_ = 0;
  bool sent_ = false;  // the current call has reached a listener at least once
};

}  // namespace flatvm::ctl
