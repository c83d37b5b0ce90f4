#include "daemon/broker/cid_allocator.h"

#include <gtest/gtest.h>

#include <set>

#include "daemon/base/error.h"
#include "tests/fakes/fake_records.h"

namespace flatvm::broker {
namespace {

bool Nobody(base::VsockCid) { return false; }

TEST(CidAllocator, RisesAndDoesNotHandOutAFreedOneAgain) {
  fakes::FakeRecords records;
  CidAllocator cids(1000, 2000, records);
  for (uint32_t expected = 1000; expected < 1200; ++expected) {
    const auto cid = cids.Allocate(Nobody);
    ASSERT_TRUE(cid.ok()) << cid.status();
    EXPECT_EQ(cid->value, expected);
  }
}

TEST(CidAllocator, HandsOutNothingTwiceAcrossARestart) {
  fakes::FakeRecords records;
  std::set<uint32_t> seen;
  for (int run = 0; run < 5; ++run) {
    CidAllocator cids(1000, 2000, records);
    cids.Resume(records.Load()->next_cid);
    for (int i = 0; i < 3; ++i) {
      const auto cid = cids.Allocate(Nobody);
      ASSERT_TRUE(cid.ok()) << cid.status();
      EXPECT_TRUE(seen.insert(cid->value).second) << cid->value;
    }
  }
}

TEST(CidAllocator, PassesOverThoseInUse) {
  fakes::FakeRecords records;
  CidAllocator cids(1000, 1010, records);
  const auto cid = cids.Allocate([](base::VsockCid other) { return other.value < 1003; });
  ASSERT_TRUE(cid.ok()) << cid.status();
  EXPECT_EQ(cid->value, 1003U);
}

TEST(CidAllocator, BeginsAgainOnlyAfterTheWholeRange) {
  fakes::FakeRecords records;
  CidAllocator cids(1000, 1002, records);
  for (const uint32_t expected : {1000U, 1001U, 1002U, 1000U, 1001U}) {
    EXPECT_EQ(cids.Allocate(Nobody)->value, expected);
  }
}

TEST(CidAllocator, SaysWhenTheRangeIsUsedUp) {
  fakes::FakeRecords records;
  CidAllocator cids(1000, 1002, records);
  const auto cid = cids.Allocate([](base::VsockCid) { return true; });
  EXPECT_EQ(cid.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(base::GetErrorInfo(cid.status()).reason, base::Reason::kCidRangeEmpty);
}

TEST(CidAllocator, HandsOutNothingThatTheDiskDoesNotKnow) {
  fakes::FakeRecords records;
  CidAllocator cids(1000, 2000, records);
  records.FailNext("PutNextCid", base::InternalError("disk full"));
  EXPECT_FALSE(cids.Allocate(Nobody).ok());
  EXPECT_EQ(cids.Allocate(Nobody)->value, 1000U);
}

TEST(CidAllocator, IgnoresARememberedCidOutsideOfTheRange) {
  fakes::FakeRecords records;
  CidAllocator cids(1000, 2000, records);
  cids.Resume(5);
  EXPECT_EQ(cids.Allocate(Nobody)->value, 1000U);
}

}  // namespace
}  // namespace flatvm::broker
