// What can go wrong between flatvmctl and flatvmd, as an absl::Status with Reason, and how it is
// printed.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace flatvm::ctl {

// A failed call. Code, text and details are the daemon's; where it sent no details (it went away,
// took too long, or is older than this program), the text is ours and the Reason says which.
absl::Status FromGrpc(const grpc::Status& status, std::chrono::milliseconds timeout);

// connect(2) on `socket_path` failed. UNAVAILABLE / kBrokerUnreachable if nobody is there;
// PERMISSION_DENIED / kPolicyForbids if only others may.
absl::Status FromConnectError(int error, const std::string& socket_path);

// The id under which the journal tells of a failed call; "" if there is none.
std::string RequestIdOf(const absl::Status& status);

// "flatvmctl: <message> (<CODE>/<REASON>)" and a newline; for INTERNAL with the request's id.
std::string RenderErrorText(const absl::Status& status);

// {"error":{"code","reason","message", and of field, limit, limit_value, asked, used, left,
// request_id those that apply}} and a newline, on one line.
std::string RenderErrorJson(const absl::Status& status);

}  // namespace flatvm::ctl
