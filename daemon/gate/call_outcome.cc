#include "daemon/gate/call_outcome.h"

#include "flatvm/v1/types.pb.h"

namespace flatvm::gate {

CallOutcome Failure(absl::StatusCode code, const base::ErrorInfo& info, std::string_view message) {
  v1::ErrorDetail detail;
  detail.set_reason(static_cast<v1::Reason>(info.reason));
  detail.set_limit(info.limit);
  detail.set_limit_value(info.limit_value);
  detail.set_asked(info.asked);
  detail.set_used(info.used);
  detail.set_left(info.left);
  return CallOutcome{.code = static_cast<int>(code),
                     .message = std::string(message),
                     .detail = detail.SerializeAsString()};
}

}  // namespace flatvm::gate
