#include "guestlib/src/decode_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "flatvm/internal/rpc_status.pb.h"
#include "flatvm/tenant.h"
#include "flatvm/v1/types.pb.h"
#include "flatvm/vm.h"
#include "flatvm/volume.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

TEST(DecodeError, NamesTheCauseOfWhatGrpcItselfMade) {
  const struct {
    grpc::StatusCode code;
    Code expected;
    Reason reason;
    const char* text;
  } kCases[] = {
      {grpc::UNAVAILABLE, Code::kUnavailable, Reason::kBrokerUnreachable, "connection"},
      {grpc::DEADLINE_EXCEEDED, Code::kDeadlineExceeded, Reason::kStageTimedOut, "within 30s"},
      {grpc::UNIMPLEMENTED, Code::kUnimplemented, Reason::kMethodUnimplemented, "version"},
      {grpc::RESOURCE_EXHAUSTED, Code::kResourceExhausted, Reason::kInternalError, "grpc says"},
      {grpc::INTERNAL, Code::kInternal, Reason::kInternalError, "grpc says"},
      {grpc::CANCELLED, Code::kCancelled, Reason::kInternalError, "grpc says"},
  };
  for (const auto& test : kCases) {
    const Failure failure = DecodeError(grpc::Status(test.code, "grpc says"), milliseconds(30'000));
    EXPECT_FALSE(failure.answered);
    EXPECT_EQ(failure.error.code, test.expected);
    EXPECT_EQ(failure.error.reason, test.reason) << failure.error.message;
    EXPECT_THAT(failure.error.message, HasSubstr(test.text));
  }
  EXPECT_NE(DecodeError(grpc::Status(grpc::UNKNOWN, ""), {}).error.message, "");
}

TEST(DecodeError, TakesDetailsThatAreNotOursForNone) {
  internal::RpcStatus other;
  other.add_details()->PackFrom(v1::Vm());
  internal::RpcStatus broken;
  broken.add_details()->set_type_url("type.googleapis.com/flatvm.v1.ErrorDetail");
  broken.mutable_details(0)->set_value("\xff\xff");
  for (const std::string& details :
       {std::string("\xff\xff"), internal::RpcStatus().SerializeAsString(),
        other.SerializeAsString(), broken.SerializeAsString()}) {
    const Failure failure =
        DecodeError(grpc::Status(grpc::UNAVAILABLE, "", details), milliseconds(1));
    EXPECT_FALSE(failure.answered);
    EXPECT_EQ(failure.error.reason, Reason::kBrokerUnreachable);
  }
}

TEST(Names, AreTheProtocolsForEveryReason) {
  const auto* reasons = v1::Reason_descriptor();
  for (int i = 0; i < reasons->value_count(); ++i) {
    EXPECT_EQ(ReasonName(static_cast<Reason>(reasons->value(i)->number())),
              reasons->value(i)->name());
  }
  EXPECT_EQ(ReasonName(static_cast<Reason>(999)), "REASON_999");
  EXPECT_EQ(ReasonName(static_cast<Reason>(-1)), "REASON_-1");
}

TEST(Names, OfCodesAndStates) {
  EXPECT_STREQ(CodeName(Code::kOk), "OK");
  EXPECT_STREQ(CodeName(Code::kDeadlineExceeded), "DEADLINE_EXCEEDED");
  EXPECT_STREQ(CodeName(Code::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_STREQ(CodeName(static_cast<Code>(17)), "UNKNOWN");
  EXPECT_STREQ(CodeName(static_cast<Code>(-1)), "UNKNOWN");
  EXPECT_STREQ(VmStateName(VmState::kRunning), "running");
  EXPECT_STREQ(VmStateName(VmState::kDestroying), "destroying");
  EXPECT_STREQ(VmStateName(static_cast<VmState>(99)), "unknown");
  EXPECT_STREQ(VolumeStateName(VolumeState::kReady), "ready");
  EXPECT_STREQ(VolumeStateName(VolumeState::kDeleting), "deleting");
  EXPECT_STREQ(VolumeStateName(static_cast<VolumeState>(99)), "unknown");
  EXPECT_STREQ(PrimaryStateName(PrimaryState::kShutOff), "shut-off");
  EXPECT_STREQ(PrimaryStateName(static_cast<PrimaryState>(99)), "unknown");
  EXPECT_STREQ(NetworkModeName(NetworkMode::kNat), "nat");
  EXPECT_STREQ(NetworkModeName(NetworkMode::kIsolated), "isolated");
  EXPECT_STREQ(NetworkModeName(NetworkMode::kViaPrimary), "via-primary");
  EXPECT_STREQ(NetworkModeName(NetworkMode::kBridge), "bridge");
  EXPECT_STREQ(NetworkModeName(static_cast<NetworkMode>(99)), "unknown");
  EXPECT_STREQ(CarveModeName(CarveMode::kReserved), "reserved");
  EXPECT_STREQ(CarveModeName(CarveMode::kBalloon), "balloon");
  EXPECT_STREQ(CarveModeName(static_cast<CarveMode>(99)), "unknown");
}

// A reason that the protocol gained and the public header did not shows here.
TEST(Names, ThePublicHeaderHasEveryReason) {
  EXPECT_EQ(v1::Reason_descriptor()->value_count(), 64)
      << "add the new one to flatvm/error.h and to the static_asserts of names.cc";
}

}  // namespace
}  // namespace flatvm::guestlib
