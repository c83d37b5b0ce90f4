#include "decode_error.h"

#include "flatvm/internal/rpc_status.pb.h"
#include "flatvm/v1/types.pb.h"

namespace flatvm::guestlib {
namespace {

Error Unanswered(const grpc::Status& status, std::chrono::milliseconds timeout) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return {.code = Code::kUnavailable,
              .reason = Reason::kBrokerUnreachable,
              .message =
                  "the connection to the host's broker was lost; what the call began may "
                  "have happened"};
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {.code = Code::kDeadlineExceeded,
              .reason = Reason::kStageTimedOut,
              .message = "the host did not answer within " + DurationText(timeout) +
                         "; what the call began may still happen"};
    case grpc::StatusCode::UNIMPLEMENTED:
      return {.code = Code::kUnimplemented,
              .reason = Reason::kMethodUnimplemented,
              .message = "the host's version of flatvm does not know this call"};
    default:
      return {.code = static_cast<Code>(status.error_code()),
              .reason = Reason::kInternalError,
              .message = status.error_message().empty() ? "the host gave no reason"
                                                        : status.error_message()};
  }
}

}  // namespace

Failure DecodeError(const grpc::Status& status, std::chrono::milliseconds timeout) {
  internal::RpcStatus rpc_status;
  v1::ErrorDetail detail;
  if (!rpc_status.ParseFromString(status.error_details()) || rpc_status.details().empty() ||
      !rpc_status.details(0).UnpackTo(&detail)) {
    return {.error = Unanswered(status, timeout)};
  }
  return {.error = {.code = static_cast<Code>(status.error_code()),
                    .reason = static_cast<Reason>(detail.reason()),
                    .message = status.error_message(),
                    .field = detail.field(),
                    .limit = detail.limit(),
                    .limit_value = detail.limit_value(),
                    .asked = detail.asked(),
                    .used = detail.used(),
                    .left = detail.left(),
                    .request_id = detail.request_id()},
          .answered = true};
}

std::string DurationText(std::chrono::milliseconds duration) {
  const int64_t ms = duration.count();
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

}  // namespace flatvm::guestlib
