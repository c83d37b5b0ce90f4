#include "daemon/app/stop_at.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/fakes/fake_log.h"

namespace flatvm::app {
namespace {

using ::testing::HasSubstr;

TEST(StopAt, IsHandedToTheProgramThatPassesTheStep) {
  fakes::FakeLog log;
  const auto worker = FindStopAt("worker.out.asked", log);
  ASSERT_TRUE(worker.ok());
  EXPECT_EQ(worker->quota_worker, "worker.out.asked");
  EXPECT_EQ(worker->front, "");
  const auto front = FindStopAt("front.answered", log);
  ASSERT_TRUE(front.ok());
  EXPECT_EQ(front->front, "front.answered");
  EXPECT_EQ(front->quota_worker, "");
  for (const char* own : {static_cast<const char*>(nullptr), "", "out.asked"}) {
    const auto found = FindStopAt(own, log);
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(found->front + found->quota_worker, "");
  }
  EXPECT_EQ(base::GetErrorInfo(FindStopAt("nowhere", log).status()).field, base::kStopAt);
}

TEST(StopAt, DescribesEveryStep) {
  const std::string text = DescribeSteps();
  EXPECT_THAT(text, HasSubstr("out.decided flatvmd\n"));
  EXPECT_THAT(text, HasSubstr("worker.back.added flatvm-quota\n"));
  EXPECT_THAT(text, HasSubstr("front.asked flatvm-front\n"));
}

}  // namespace
}  // namespace flatvm::app
