#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/vm_lifecycle.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

// A request id makes a request safe to send again.
class RepeatedRequestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(RepeatedRequestTest, AnswersARepeatedCreateWithWhatItMade) {
  const auto first = world_.Create("acme", WebSpec(), "req-1");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = world_.Create("acme", WebSpec(), "req-1");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, *first);
  EXPECT_EQ(world_.directory.ListVms("acme")->size(), 1U);
}

TEST_F(RepeatedRequestTest, RefusesARequestIdWithAnotherSpec) {
  ASSERT_TRUE(world_.Create("acme", WebSpec(), "req-1").ok());
  const auto other = world_.Create("acme", WebSpec("other"), "req-1");
  EXPECT_EQ(other.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(other.status()), Reason::kRequestIdReused);
}

TEST_F(RepeatedRequestTest, KeepsRequestIdsOfTenantsApart) {
  ASSERT_TRUE(world_.Create("acme", WebSpec(), "req-1").ok());
  const auto other = world_.Create("globex", WebSpec("other"), "req-1");
  EXPECT_TRUE(other.ok()) << other.status();
}

TEST_F(RepeatedRequestTest, AnswersARepeatedDestroyLikeTheFirst) {
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const auto first = world_.Destroy("acme", "web", "req-2");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto again = world_.Destroy("acme", "web", "req-2");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(world_.Destroy("acme", "web").status().code(), absl::StatusCode::kNotFound);
}

// Sends one call from many threads at once; the answers, in no order.
template <typename Call>
std::vector<absl::StatusOr<VmRecord>> SentAtOnce(const Call& call) {
  std::vector<absl::StatusOr<VmRecord>> answers(8, absl::UnknownError("none"));
  std::vector<std::thread> callers;
  for (auto& answer : answers) callers.emplace_back([&] { answer = call(); });
  for (std::thread& caller : callers) caller.join();
  return answers;
}

TEST_F(RepeatedRequestTest, MakesOneSecondaryOfOneRequestSentManyTimes) {
  for (int round = 0; round < 20; ++round) {
    const std::string name = base::StrCat("web-", round);
    const auto answers =
        SentAtOnce([&] { return world_.Create("acme", WebSpec(name), base::StrCat("c-", round)); });
    for (const auto& answer : answers) {
      ASSERT_TRUE(answer.ok()) << answer.status();
      EXPECT_EQ(answer->id, answers[0]->id);
    }
    EXPECT_EQ(world_.directory.ListVms("acme")->size(), 1U);
    for (const auto& gone :
         SentAtOnce([&] { return world_.Destroy("acme", name, base::StrCat("d-", round)); })) {
      ASSERT_TRUE(gone.ok()) << gone.status();
      EXPECT_EQ(gone->id, answers[0]->id);
    }
    EXPECT_EQ(world_.directory.ListVms("acme")->size(), 0U);
  }
}

}  // namespace
}  // namespace flatvm::broker
