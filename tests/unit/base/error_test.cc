#include "daemon/base/error.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "absl/status/statusor.h"
#include "daemon/base/str_cat.h"

namespace flatvm::base {
namespace {

TEST(MakeError, CarriesEveryPartOfItsInfo) {
  const ErrorInfo info{.reason = Reason::kTenantMemoryLimit,
                       .field = "spec.memory_mib",
                       .limit = "memory_mib",
                       .limit_value = 4096,
                       .asked = 512,
                       .used = 4000,
                       .left = 96};
  const absl::Status status =
      MakeError(absl::StatusCode::kResourceExhausted, info, "over the memory limit");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Message(status), "over the memory limit");
  EXPECT_EQ(GetErrorInfo(status), info);
}

TEST(MakeError, KeepsLargestNumbers) {
  const ErrorInfo info{.reason = Reason::kTenantDiskLimit, .limit_value = UINT64_MAX};
  EXPECT_EQ(GetErrorInfo(MakeError(absl::StatusCode::kResourceExhausted, info, "x")), info);
}

TEST(MakeError, SurvivesItsOwnSeparatorInAField) {
  const absl::Status status = FieldError(Reason::kFieldMalformed,
                                         "a\x1f"
                                         "b",
                                         "is odd");
  EXPECT_EQ(GetErrorInfo(status).reason, Reason::kFieldMalformed);
  EXPECT_EQ(GetErrorInfo(status).field, "a?b");
}

TEST(FieldError, NamesTheFieldInTextAndInfo) {
  const absl::Status status = FieldError(Reason::kFieldOutOfRange, "spec.vcpus", "must be 1..512");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Message(status), "spec.vcpus: must be 1..512");
  EXPECT_EQ(GetErrorInfo(status).field, "spec.vcpus");
  EXPECT_EQ(GetErrorInfo(status).reason, Reason::kFieldOutOfRange);
}

TEST(ErrnoError, NamesErrno) {
  const absl::Status status = ErrnoError(ENOSPC, "write /x");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Message(status), "write /x: ENOSPC (No space left on device)");
  EXPECT_EQ(GetErrorInfo(status).reason, Reason::kInternalError);
}

TEST(ErrnoError, TakesANumberThatIsNoErrno) {
  EXPECT_EQ(Message(ErrnoError(99999, "x")), "x: unknown errno ()");
}

TEST(GetErrorInfo, OfForeignStatus) {
  EXPECT_EQ(GetErrorInfo(absl::OkStatus()), ErrorInfo{});
  EXPECT_EQ(GetErrorInfo(absl::NotFoundError("x")).reason, Reason::kInternalError);
}

TEST(PublicMessage, HidesWhatIsForTheJournal) {
  constexpr std::string_view kFixed =
      "the host failed to do this; its operator finds the cause in the journal under this "
      "request's id";
  EXPECT_EQ(PublicMessage(InternalError("open /var/lib/secret: EIO")), kFixed);
  EXPECT_EQ(PublicMessage(absl::NotFoundError("/var/lib/secret is not there")), kFixed);
  EXPECT_EQ(PublicMessage(FieldError(Reason::kFieldMissing, "name", "is required")),
            "name: is required");
  EXPECT_EQ(PublicMessage(absl::OkStatus()), "");
}

TEST(WithNote, IsPublicWhateverTheCode) {
  const absl::Status hidden = WithNote(InternalError("EIO"), "it is volume \"web\"");
  EXPECT_EQ(hidden.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(GetErrorInfo(hidden).reason, Reason::kInternalError);
  EXPECT_EQ(Message(hidden), "EIO; it is volume \"web\"");
  EXPECT_EQ(PublicMessage(hidden),
            "the host failed to do this; its operator finds the cause in the journal under this "
            "request's id; it is volume \"web\"");
  const absl::Status shown =
      WithNote(FieldError(Reason::kFieldMissing, "name", "is required"), "so");
  EXPECT_EQ(PublicMessage(shown), "name: is required; so");
  EXPECT_EQ(GetErrorInfo(shown).field, "name");
  EXPECT_TRUE(WithNote(absl::OkStatus(), "x").ok());
}

TEST(WithContext, KeepsCodeAndInfo) {
  const absl::Status inner = FieldError(Reason::kFieldMissing, "name", "is required");
  const absl::Status outer = WithContext(inner, "image.json");
  EXPECT_EQ(outer.code(), inner.code());
  EXPECT_EQ(Message(outer), "image.json: name: is required");
  EXPECT_EQ(GetErrorInfo(outer), GetErrorInfo(inner));
  EXPECT_TRUE(WithContext(absl::OkStatus(), "x").ok());
}

TEST(EscapeForLog, LeavesOnlyPrintableAscii) {
  EXPECT_EQ(EscapeForLog("plain text 1~"), "plain text 1~");
  EXPECT_EQ(EscapeForLog("a\nb\x1b[2J\\\x7f"), "a\\x0ab\\x1b[2J\\x5c\\x7f");
  EXPECT_EQ(EscapeForLog("\xc3\xa9"), "\\xc3\\xa9");
  EXPECT_EQ(EscapeForLog(std::string_view("\0", 1)), "\\x00");
}

TEST(EscapeForLog, CapsItsInput) {
  EXPECT_EQ(EscapeForLog("abcdef", 3), "abc...");
  EXPECT_EQ(EscapeForLog("abc", 3), "abc");
}

absl::StatusOr<int> Half(int number) {
  if (number % 2 != 0) return FieldError(Reason::kFieldMalformed, "number", "must be even");
  return number / 2;
}

absl::Status StoreQuarter(int number, int* quarter) {
  FLATVM_ASSIGN_OR_RETURN(const int half, Half(number));
  FLATVM_ASSIGN_OR_RETURN(*quarter, Half(half));
  FLATVM_RETURN_IF_ERROR(absl::OkStatus());
  return absl::OkStatus();
}

TEST(AssignOrReturn, AssignsOrReturnsEarly) {
  int quarter = 0;
  EXPECT_TRUE(StoreQuarter(12, &quarter).ok());
  EXPECT_EQ(quarter, 3);
  EXPECT_EQ(GetErrorInfo(StoreQuarter(6, &quarter)).reason, Reason::kFieldMalformed);
  EXPECT_EQ(quarter, 3);
}

}  // namespace
}  // namespace flatvm::base
