#include "daemon/ctl/call_status.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/ctl/admin_host.h"

namespace flatvm::ctl {
namespace {

using base::GetErrorInfo;
using base::Message;
using base::Reason;

TEST(FromConnectError, SaysWhatToDo) {
  constexpr const char* kPath = "/run/flatvm/admin.sock";
  const absl::Status missing = FromConnectError(ENOENT, kPath);
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(GetErrorInfo(missing).reason, Reason::kBrokerUnreachable);
  EXPECT_EQ(Message(missing),
            "flatvmd is not running: /run/flatvm/admin.sock: no such socket; start it with "
            "systemctl start flatvmd");
  EXPECT_EQ(Message(FromConnectError(ECONNREFUSED, kPath)),
            "flatvmd is not running: /run/flatvm/admin.sock: nobody listens; start it with "
            "systemctl start flatvmd");
  const absl::Status denied = FromConnectError(EACCES, kPath);
  EXPECT_EQ(denied.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(GetErrorInfo(denied).reason, Reason::kPolicyForbids);
  EXPECT_EQ(Message(denied),
            "only root may ask flatvmd: /run/flatvm/admin.sock: permission denied");
  EXPECT_EQ(FromConnectError(EMFILE, kPath).code(), absl::StatusCode::kUnavailable);
}

TEST(FromGrpc, KeepsWhatTheDaemonSaid) {
  v1::ErrorDetail detail;
  detail.set_reason(v1::TENANT_MEMORY_LIMIT);
  detail.set_limit("memory_mib");
  detail.set_limit_value(4096);
  detail.set_asked(576);
  detail.set_used(3904);
  detail.set_left(192);
  detail.set_request_id("r-1");
  const absl::Status status = FromGrpc(
      ErrorAnswer(grpc::StatusCode::RESOURCE_EXHAUSTED, "no", detail), std::chrono::seconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RequestIdOf(status), "r-1");
  EXPECT_EQ(RenderErrorText(status), "flatvmctl: no (RESOURCE_EXHAUSTED/TENANT_MEMORY_LIMIT)\n");
  EXPECT_EQ(RenderErrorJson(status),
            R"({"error":{"code":"RESOURCE_EXHAUSTED","reason":"TENANT_MEMORY_LIMIT",)"
            R"("message":"no","limit":"memory_mib","limit_value":4096,"asked":576,"used":3904,)"
            R"("left":192,"request_id":"r-1"}})"
            "\n");
  EXPECT_TRUE(FromGrpc(grpc::Status::OK, std::chrono::seconds(1)).ok());
}

TEST(FromGrpc, ExplainsWhatGrpcItselfMade) {
  const struct {
    grpc::StatusCode code;
    Reason reason;
    const char* text;
  } kTable[] = {
      {grpc::StatusCode::UNAVAILABLE, Reason::kBrokerUnreachable,
       "lost the connection to flatvmd: Socket closed"},
      {grpc::StatusCode::DEADLINE_EXCEEDED, Reason::kStageTimedOut,
       "flatvmd did not answer within 90s; what it began may still happen (--timeout waits "
       "longer)"},
      {grpc::StatusCode::UNIMPLEMENTED, Reason::kMethodUnimplemented,
       "this flatvmd does not know the call; is it older than flatvmctl?"},
      {grpc::StatusCode::UNKNOWN, Reason::kInternalError, "Socket closed"},
  };
  for (const auto& row : kTable) {
    const absl::Status status =
        FromGrpc(grpc::Status(row.code, "Socket closed"), std::chrono::seconds(90));
    EXPECT_EQ(static_cast<int>(status.code()), static_cast<int>(row.code));
    EXPECT_EQ(GetErrorInfo(status).reason, row.reason) << row.text;
    EXPECT_EQ(Message(status), row.text);
  }
}

TEST(FromGrpc, TakesBrokenDetailsForNone) {
  const absl::Status status =
      FromGrpc(grpc::Status(grpc::StatusCode::NOT_FOUND, "x", "\xff\xff"), std::chrono::seconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(GetErrorInfo(status).reason, Reason::kInternalError);
}

TEST(RenderError, EscapesWhatCouldSteerATerminal) {
  const absl::Status status =
      base::MakeError(absl::StatusCode::kNotFound, Reason::kVmNotFound, "a\x1b[2J\nb");
  EXPECT_EQ(RenderErrorText(status), "flatvmctl: a\\x1b[2J\\x0ab (NOT_FOUND/VM_NOT_FOUND)\n");
  EXPECT_EQ(RenderErrorJson(status),
            "{\"error\":{\"code\":\"NOT_FOUND\",\"reason\":\"VM_NOT_FOUND\",\"message\":"
            "\"a\\u001b[2J\\nb\"}}\n");
}

TEST(RenderError, ShowsWhereTheJournalTellsTheRest) {
  v1::ErrorDetail detail;
  detail.set_reason(v1::INTERNAL_ERROR);
  detail.set_request_id("r-2");
  const absl::Status status =
      FromGrpc(ErrorAnswer(grpc::StatusCode::INTERNAL, "failed", detail), std::chrono::seconds(1));
  EXPECT_EQ(RenderErrorText(status), "flatvmctl: failed (INTERNAL/INTERNAL_ERROR, request r-2)\n");
}

TEST(RenderError, NamesAReasonOfANewerDaemonByItsNumber) {
  const absl::Status status =
      base::MakeError(absl::StatusCode::kAborted, static_cast<Reason>(999), "x");
  EXPECT_EQ(RenderErrorText(status), "flatvmctl: x (ABORTED/REASON_999)\n");
}

}  // namespace
}  // namespace flatvm::ctl
