#include "daemon/gate/caller_ledger.h"

#include <gtest/gtest.h>

namespace flatvm::gate {
namespace {

const CallerLedger::Time kStart{std::chrono::hours(1)};
constexpr base::VsockCid kNoisy{1000};
constexpr base::VsockCid kQuiet{1001};

TEST(CallerLedger, SlowsOneCidAndNotTheOthers) {
  CallerLedger ledger;
  int admitted = 0;
  while (ledger.AdmitConnection(kNoisy, kStart)) ++admitted;
  EXPECT_EQ(admitted, 40);
  EXPECT_TRUE(ledger.AdmitConnection(kQuiet, kStart));
  EXPECT_TRUE(ledger.AdmitConnection(kNoisy, kStart + std::chrono::seconds(1)));
}

TEST(CallerLedger, CountsTheLinesItHoldsBack) {
  CallerLedger ledger;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ledger.AdmitLine(kNoisy, kStart), 0U);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(ledger.AdmitLine(kNoisy, kStart), std::nullopt);
  EXPECT_EQ(ledger.AdmitLine(kQuiet, kStart), 0U);
  EXPECT_EQ(ledger.AdmitLine(kNoisy, kStart + std::chrono::seconds(6)), 1'000U);
  EXPECT_EQ(ledger.AdmitLine(kNoisy, kStart + std::chrono::seconds(12)), 0U);
}

TEST(CallerLedger, ForgetsQuietCidsBeforeABusyOne) {
  CallerLedger ledger;
  for (uint32_t cid = 2'000; cid < 6'000; ++cid) ledger.AdmitConnection({cid}, kStart);
  const auto later = kStart + std::chrono::seconds(10);
  while (ledger.AdmitConnection(kNoisy, later)) {
  }
  for (uint32_t cid = 6'000; cid < 6'200; ++cid) ledger.AdmitConnection({cid}, later);
  EXPECT_FALSE(ledger.AdmitConnection(kNoisy, later));
}

}  // namespace
}  // namespace flatvm::gate
