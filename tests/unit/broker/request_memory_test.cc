#include "daemon/broker/request_memory.h"

#include <gtest/gtest.h>

#include "daemon/broker/records.h"

namespace flatvm::broker {
namespace {

using Time = std::chrono::steady_clock::time_point;
using Memory = RequestMemory<VmRecord>;

TEST(RequestMemory, RemembersForTenMinutes) {
  Memory memory;
  const Time start{};
  memory.Remember({.request_id = "r1", .reference = "web", .finished = start});
  ASSERT_NE(memory.Find("r1", start + std::chrono::minutes(10)), nullptr);
  EXPECT_EQ(memory.Find("r1", start)->reference, "web");
  EXPECT_EQ(memory.Find("r1", start + std::chrono::minutes(10) + std::chrono::seconds(1)), nullptr);
}

TEST(RequestMemory, DoesNotRememberWhatHasNoId) {
  Memory memory;
  memory.Remember({.request_id = "", .reference = "web", .finished = Time{}});
  EXPECT_EQ(memory.Find("", Time{}), nullptr);
}

TEST(RequestMemory, ForgetsTheOldestPastItsBound) {
  Memory memory;
  for (size_t i = 0; i <= Memory::kMaxRemembered; ++i) {
    memory.Remember({.request_id = std::to_string(i), .finished = Time{}});
  }
  EXPECT_EQ(memory.Find("0", Time{}), nullptr);
  EXPECT_NE(memory.Find("1", Time{}), nullptr);
  EXPECT_NE(memory.Find(std::to_string(Memory::kMaxRemembered), Time{}), nullptr);
}

}  // namespace
}  // namespace flatvm::broker
