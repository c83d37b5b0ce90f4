#include "daemon/base/token_bucket.h"

#include <gtest/gtest.h>

namespace flatvm::base {
namespace {

using std::chrono::milliseconds;
const TokenBucket::Time kStart{std::chrono::hours(1)};

TEST(TokenBucket, GivesTheBurstAtOnceAndThenTheRate) {
  TokenBucket bucket(10, 3);
  EXPECT_TRUE(bucket.Take(kStart, 3));
  EXPECT_FALSE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Take(kStart + milliseconds(99)));
  EXPECT_TRUE(bucket.Take(kStart + milliseconds(101)));
  EXPECT_FALSE(bucket.Take(kStart + milliseconds(101)));
}

TEST(TokenBucket, NeverHoldsMoreThanTheBurst) {
  TokenBucket bucket(10, 3);
  EXPECT_TRUE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Full(kStart));
  EXPECT_TRUE(bucket.Full(kStart + std::chrono::hours(1)));
  EXPECT_FALSE(bucket.Take(kStart + std::chrono::hours(1), 4));
}

TEST(TokenBucket, SaysHowLongToWait) {
  TokenBucket bucket(10, 2);
  EXPECT_EQ(bucket.Wait(kStart, 2), milliseconds(0));
  ASSERT_TRUE(bucket.Take(kStart, 2));
  const milliseconds wait = bucket.Wait(kStart, 2);
  EXPECT_FALSE(bucket.Take(kStart + milliseconds(199), 2));
  EXPECT_TRUE(bucket.Take(kStart + wait, 2));
}

}  // namespace
}  // namespace flatvm::base
