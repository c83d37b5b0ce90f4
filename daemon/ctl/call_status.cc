#include "daemon/ctl/call_status.h"

#include <cerrno>
#include <cstring>

#include "daemon/base/error.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/text_table.h"
#include "flatvm/internal/rpc_status.pb.h"
#include "flatvm/v1/types.pb.h"
#include "nlohmann/json.hpp"

namespace flatvm::ctl {
namespace {

using base::MakeError;
using base::Reason;

constexpr const char* kRequestIdUrl = "flatvm/request-id";

// The daemon's own details; false if it sent none.
bool ReadDetail(const grpc::Status& status, v1::ErrorDetail* detail) {
  internal::RpcStatus rpc_status;
  return rpc_status.ParseFromString(status.error_details()) && rpc_status.details_size() > 0 &&
         rpc_status.details(0).UnpackTo(detail);
}

// An error that gRPC itself made.
absl::Status WithoutDetail(const grpc::Status& status, std::chrono::milliseconds timeout) {
  const std::string why = base::EscapeForLog(status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return MakeError(absl::StatusCode::kUnavailable, Reason::kBrokerUnreachable,
                       base::StrCat("lost the connection to flatvmd: ", why));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return MakeError(absl::StatusCode::kDeadlineExceeded, Reason::kStageTimedOut,
                       base::StrCat("flatvmd did not answer within ",
                                    base::FormatDurationMs(static_cast<uint32_t>(timeout.count())),
                                    "; what it began may still happen (--timeout waits longer)"));
    case grpc::StatusCode::UNIMPLEMENTED:
      return MakeError(absl::StatusCode::kUnimplemented, Reason::kMethodUnimplemented,
                       "this flatvmd does not know the call; is it older than flatvmctl?");
    default:
      return MakeError(static_cast<absl::StatusCode>(status.error_code()), Reason::kInternalError,
                       why);
  }
}

std::string ReasonName(Reason reason) {
  const auto number = static_cast<int>(reason);
  const std::string& name = v1::Reason_Name(static_cast<v1::Reason>(number));
  return name.empty() ? base::StrCat("REASON_", number) : name;  // a newer daemon's
}

const char* CodeNameOf(const absl::Status& status) {
  return base::CodeName(static_cast<int>(status.code()));
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status, std::chrono::milliseconds timeout) {
  if (status.ok()) return absl::OkStatus();
  v1::ErrorDetail detail;
  if (!ReadDetail(status, &detail)) return WithoutDetail(status, timeout);
  absl::Status error = MakeError(static_cast<absl::StatusCode>(status.error_code()),
                                 base::ErrorInfo{.reason = static_cast<Reason>(detail.reason()),
                                                 .field = detail.field(),
                                                 .limit = detail.limit(),
                                                 .limit_value = detail.limit_value(),
                                                 .asked = detail.asked(),
                                                 .used = detail.used(),
                                                 .left = detail.left()},
                                 status.error_message());
  if (!detail.request_id().empty()) {
    error.SetPayload(kRequestIdUrl, absl::Cord(detail.request_id()));
  }
  return error;
}

absl::Status FromConnectError(int error, const std::string& socket_path) {
  const auto unreachable = [](std::string_view message) {
    return MakeError(absl::StatusCode::kUnavailable, Reason::kBrokerUnreachable, message);
  };
  switch (error) {
    case ENOENT:
      return unreachable(base::StrCat("flatvmd is not running: ", socket_path,
                                      ": no such socket; start it with systemctl start flatvmd"));
    case ECONNREFUSED:
      return unreachable(base::StrCat("flatvmd is not running: ", socket_path,
                                      ": nobody listens; start it with systemctl start flatvmd"));
    case EACCES:
    case EPERM:
      return MakeError(
          absl::StatusCode::kPermissionDenied, Reason::kPolicyForbids,
          base::StrCat("only root may ask flatvmd: ", socket_path, ": permission denied"));
    default:
      return unreachable(
          base::StrCat("cannot reach flatvmd: ", socket_path, ": ", strerrordesc_np(error)));
  }
}

std::string RequestIdOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRequestIdUrl);
  return payload.has_value() ? std::string(*payload) : std::string();
}

std::string RenderErrorText(const absl::Status& status) {
  const std::string request_id = RequestIdOf(status);
  const bool show_id = status.code() == absl::StatusCode::kInternal && !request_id.empty();
  return base::StrCat(base::EscapeForTerminal(base::StrCat(
                          "flatvmctl: ", base::Message(status), " (", CodeNameOf(status), "/",
                          ReasonName(base::GetErrorInfo(status).reason),
                          show_id ? ", request " : "", show_id ? request_id : "", ")")),
                      "\n");
}

std::string RenderErrorJson(const absl::Status& status) {
  const base::ErrorInfo info = base::GetErrorInfo(status);
  nlohmann::ordered_json error = {{"code", CodeNameOf(status)},
                                  {"reason", ReasonName(info.reason)},
                                  {"message", std::string(base::Message(status))}};
  if (!info.field.empty()) error.emplace("field", info.field);
  if (!info.limit.empty()) {
    error.emplace("limit", info.limit);
    error.emplace("limit_value", info.limit_value);
    error.emplace("asked", info.asked);
    error.emplace("used", info.used);
    error.emplace("left", info.left);
  }
  if (const std::string id = RequestIdOf(status); !id.empty()) error.emplace("request_id", id);
  const nlohmann::ordered_json object = {{"error", error}};
  constexpr int kOneLine = -1;
  return object.dump(kOneLine, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace flatvm::ctl
