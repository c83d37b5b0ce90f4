#include "daemon/hypervisor/cpu_quota.h"

#include <limits>

namespace flatvm::hypervisor {
namespace {

constexpr int64_t kUnlimitedUs = 17'592'186'044'415;

}  // namespace

uint32_t CpuPercentOf(uint64_t period_us, int64_t quota_us) {
  if (period_us == 0 || quota_us <= 0 || quota_us >= kUnlimitedUs) return 0;
  const uint64_t hundredfold = static_cast<uint64_t>(quota_us) * 100;  // below 2^51
  const uint64_t percent = hundredfold / period_us + (hundredfold % period_us == 0 ? 0 : 1);
  constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
  return percent > kMost ? kMost : static_cast<uint32_t>(percent);
}

}  // namespace flatvm::hypervisor
