#include "daemon/hypervisor/cpu_quota.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace flatvm::hypervisor {
namespace {

TEST(CpuQuota, IsExactInWholePercent) {
  EXPECT_EQ(QuotaUsOf(1), 1000) << "the least that the kernel takes";
  EXPECT_EQ(QuotaUsOf(150), 150'000);
  EXPECT_EQ(QuotaUsOf(std::numeric_limits<uint32_t>::max()), 4'294'967'295'000);
  for (const uint32_t percent : {1U, 33U, 100U, 101U, 51'200U, 0xFFFFFFFFU}) {
    EXPECT_EQ(CpuPercentOf(kQuotaPeriodUs, QuotaUsOf(percent)), percent);
  }
}

TEST(CpuQuota, IsNoneInEachOfLibvirtsWords) {
  EXPECT_LT(QuotaUsOf(0), 0) << "0 would leave the quota that there is";
  for (const int64_t none : {QuotaUsOf(0), int64_t{0}, int64_t{17'592'186'044'415},
                             std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(CpuPercentOf(kQuotaPeriodUs, none), 0U) << none;
  }
  EXPECT_EQ(CpuPercentOf(0, 1000), 0U) << "a kernel without quotas has no period";
}

TEST(CpuQuota, RoundsAnOperatorsUp) {
  struct Case {
    uint64_t period_us;
    int64_t quota_us;
    uint32_t percent;
  };
  const std::vector<Case> cases = {
      {1'000'000, 500'000, 50}, {1'000'000, 1000, 1}, {1'000'000, 10'001, 2},
      {50'000, 100'000, 200},   {3000, 1000, 34},     {1000, 17'592'186'044'414, 0xFFFFFFFF},
  };
  for (const Case& tested : cases) {
    EXPECT_EQ(CpuPercentOf(tested.period_us, tested.quota_us), tested.percent)
        << tested.quota_us << " in " << tested.period_us;
  }
}

}  // namespace
}  // namespace flatvm::hypervisor
