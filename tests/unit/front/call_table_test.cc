#include "daemon/front/call_table.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/front/rpc_status.h"
#include "flatvm/internal/rpc_status.pb.h"
#include "flatvm/v1/types.pb.h"

namespace flatvm::front {
namespace {

class CallTableTest : public testing::Test {
 protected:
  void SetUp() override { table_.OnHello(5); }

  // Starts a call; its outcome appears in outcomes_[index].
  size_t Start(std::string bytes = "request") {
    const size_t index = outcomes_.size();
    outcomes_.emplace_back();
    table_.Start(
        {.method = "ShowVm", .bytes = std::move(bytes), .timeout = std::chrono::seconds(2)},
        [this, index](Outcome outcome) {
          EXPECT_FALSE(outcomes_[index].has_value()) << "answered twice";
          outcomes_[index] = std::move(outcome);
        });
    return index;
  }

  internal::CallResult Result(uint64_t call_id, const std::string& response, bool more = false) {
    internal::CallResult result;
    result.set_call_id(call_id);
    result.set_epoch(5);
    result.set_response(response);
    result.set_more(more);
    return result;
  }

  static v1::Reason ReasonOf(const Outcome& outcome) {
    v1::ErrorDetail detail;
    EXPECT_TRUE(detail.ParseFromString(outcome.detail));
    return detail.reason();
  }

  bool sendable_ = true;
  std::vector<internal::Call> sent_;
  std::vector<std::optional<Outcome>> outcomes_;
  std::vector<std::string> passed_;
  CallTable table_{
      [this](const internal::FromFront& message) {
        if (sendable_) sent_.push_back(message.call());
        return sendable_;
      },
      base::Steps([this](base::Step step) {
        passed_.push_back(std::string(step.info().name) + ": sent " + std::to_string(sent_.size()));
      })};
};

TEST_F(CallTableTest, SendsTheCallAndGivesItsAnswer) {
  const size_t call = Start();
  ASSERT_EQ(sent_.size(), 1U);
  EXPECT_EQ(sent_[0].method(), "ShowVm");
  EXPECT_EQ(sent_[0].request(), "request");
  EXPECT_EQ(sent_[0].timeout_ms(), 2'000U);
  EXPECT_EQ(sent_[0].epoch(), 5U);
  EXPECT_FALSE(outcomes_[call].has_value());
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "response")));
  ASSERT_TRUE(outcomes_[call].has_value());
  EXPECT_EQ(outcomes_[call]->code, 0);
  EXPECT_EQ(outcomes_[call]->response, "response");
  EXPECT_EQ(table_.InFlight(), 0U);
}

TEST_F(CallTableTest, PassesItsStepsBeforeItSendsAndBeforeItAnswers) {
  const size_t call = Start();
  EXPECT_EQ(passed_, std::vector<std::string>{"front.asked: sent 0"});
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "one ", true)));
  EXPECT_EQ(passed_.size(), 1U);
  EXPECT_FALSE(outcomes_[call].has_value());
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "two")));
  EXPECT_EQ(passed_.back(), "front.answered: sent 1");
  size_t steps = 0;
  for (const base::StepInfo& step : base::kSteps) steps += step.program == base::Program::kFront;
  EXPECT_EQ(passed_.size(), steps);
}

TEST_F(CallTableTest, JoinsAnAnswerInParts) {
  const size_t first = Start();
  const size_t second = Start();
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "one ", true)));
  EXPECT_TRUE(table_.OnResult(Result(sent_[1].call_id(), "other")));
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "two")));
  EXPECT_EQ(outcomes_[first]->response, "one two");
  EXPECT_EQ(outcomes_[second]->response, "other");
}

TEST_F(CallTableTest, RefusesAnAnswerOverTheLimitAndOneNobodyWaitsFor) {
  Start();
  const std::string part(kMaxResponseBytes / 2, 'x');
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), part, true)));
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), part, true)));
  EXPECT_FALSE(table_.OnResult(Result(sent_[0].call_id(), "x")));
  EXPECT_FALSE(table_.OnResult(Result(99, "x")));
}

TEST_F(CallTableTest, FailsOpenCallsWhenTheDaemonWasRestarted) {
  const size_t call = Start();
  table_.OnHello(5);  // the same one
  EXPECT_FALSE(outcomes_[call].has_value());
  table_.OnHello(6);
  ASSERT_TRUE(outcomes_[call].has_value());
  EXPECT_EQ(outcomes_[call]->code, static_cast<int>(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ReasonOf(*outcomes_[call]), v1::DAEMON_RESTARTED);
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "late")))
      << "of an earlier epoch: dropped";
  Start();
  EXPECT_EQ(sent_[1].epoch(), 6U);
}

TEST_F(CallTableTest, RefusesARequestOverTheLimit) {
  const size_t fits = Start(std::string(kMaxRequestBytes, 'x'));
  EXPECT_FALSE(outcomes_[fits].has_value());
  const size_t call = Start(std::string(kMaxRequestBytes + 1, 'x'));
  ASSERT_TRUE(outcomes_[call].has_value());
  EXPECT_EQ(outcomes_[call]->code, static_cast<int>(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(ReasonOf(*outcomes_[call]), v1::MESSAGE_TOO_LARGE);
  EXPECT_EQ(sent_.size(), 1U);
}

TEST_F(CallTableTest, LimitsTheCallsInFlight) {
  for (size_t i = 0; i < kMaxCallsInFlight; ++i) EXPECT_FALSE(outcomes_[Start()].has_value());
  const size_t call = Start();
  ASSERT_TRUE(outcomes_[call].has_value());
  EXPECT_EQ(outcomes_[call]->code, static_cast<int>(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(ReasonOf(*outcomes_[call]), v1::TENANT_CALL_LIMIT);
  EXPECT_TRUE(table_.OnResult(Result(sent_[0].call_id(), "")));
  EXPECT_FALSE(outcomes_[Start()].has_value()) << "room again";
}

TEST_F(CallTableTest, FailsWhatCannotBeSentAndAllThatComesAfterTheEnd) {
  sendable_ = false;
  const size_t unsent = Start();
  ASSERT_TRUE(outcomes_[unsent].has_value());
  EXPECT_EQ(ReasonOf(*outcomes_[unsent]), v1::BROKER_UNREACHABLE);
  EXPECT_EQ(table_.InFlight(), 0U);
  sendable_ = true;
  const size_t open = Start();
  table_.Close();
  ASSERT_TRUE(outcomes_[open].has_value());
  EXPECT_EQ(ReasonOf(*outcomes_[open]), v1::BROKER_UNREACHABLE);
  EXPECT_EQ(ReasonOf(*outcomes_[Start()]), v1::BROKER_UNREACHABLE);
}

TEST(RpcStatus, HasTheDetailInsideAGoogleRpcStatus) {
  const Outcome outcome =
      Failure(absl::StatusCode::kNotFound, {.reason = base::Reason::kVmNotFound, .field = "vm"},
              "no such VM");
  const grpc::Status status = ToGrpcStatus(outcome);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no such VM");
  internal::RpcStatus details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 5);
  EXPECT_EQ(details.message(), "no such VM");
  ASSERT_EQ(details.details_size(), 1);
  v1::ErrorDetail detail;
  ASSERT_TRUE(details.details(0).UnpackTo(&detail));
  EXPECT_EQ(detail.reason(), v1::VM_NOT_FOUND);
  EXPECT_EQ(detail.field(), "vm");
}

TEST(RpcStatus, TurnsACodeThatGrpcDoesNotHaveIntoInternal) {
  for (const int code : {-1, 17, 1'000'000}) {
    EXPECT_EQ(ToGrpcStatus({.code = code}).error_code(), grpc::StatusCode::INTERNAL) << code;
  }
  EXPECT_TRUE(ToGrpcStatus({.code = 0}).ok());
}

}  // namespace
}  // namespace flatvm::front
