#include "daemon/base/exit_code.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"

namespace flatvm::base {
namespace {

TEST(ExitCode, FollowsTheDocumentedTable) {
  const struct {
    absl::StatusCode code;
    int exit_code;
    const char* name;
  } kTable[] = {
      {absl::StatusCode::kOk, 0, "OK"},
      {absl::StatusCode::kCancelled, 1, "CANCELLED"},
      {absl::StatusCode::kUnknown, 1, "UNKNOWN"},
      {absl::StatusCode::kInvalidArgument, 2, "INVALID_ARGUMENT"},
      {absl::StatusCode::kDeadlineExceeded, 9, "DEADLINE_EXCEEDED"},
      {absl::StatusCode::kNotFound, 3, "NOT_FOUND"},
      {absl::StatusCode::kAlreadyExists, 4, "ALREADY_EXISTS"},
      {absl::StatusCode::kPermissionDenied, 7, "PERMISSION_DENIED"},
      {absl::StatusCode::kResourceExhausted, 6, "RESOURCE_EXHAUSTED"},
      {absl::StatusCode::kFailedPrecondition, 5, "FAILED_PRECONDITION"},
      {absl::StatusCode::kAborted, 10, "ABORTED"},
      {absl::StatusCode::kOutOfRange, 2, "OUT_OF_RANGE"},
      {absl::StatusCode::kUnimplemented, 11, "UNIMPLEMENTED"},
      {absl::StatusCode::kInternal, 1, "INTERNAL"},
      {absl::StatusCode::kUnavailable, 8, "UNAVAILABLE"},
      {absl::StatusCode::kDataLoss, 1, "DATA_LOSS"},
      {absl::StatusCode::kUnauthenticated, 7, "UNAUTHENTICATED"},
  };
  for (const auto& row : kTable) {
    EXPECT_EQ(ExitCodeFor(static_cast<int>(row.code)), row.exit_code) << row.name;
    EXPECT_STREQ(CodeName(static_cast<int>(row.code)), row.name);
  }
}

TEST(ExitCode, OfANumberThatIsNoCode) {
  for (const int code : {-1, 17, 1000}) {
    EXPECT_EQ(ExitCodeFor(code), 1);
    EXPECT_STREQ(CodeName(code), "UNKNOWN");
  }
}

}  // namespace
}  // namespace flatvm::base
