// A quota of CPU time as flatvm counts it and as libvirt and the kernel do. Pure.
#pragma once

#include <cstdint>

namespace flatvm::hypervisor {

// Microseconds; the kernel's own default, and what a quota in whole percent is exact in.
constexpr uint64_t kQuotaPeriodUs = 100'000;
constexpr int64_t kNoQuotaUs = -1;

// Microseconds of CPU time in each period for `cpu_percent` of one CPU; kNoQuotaUs for 0.
constexpr int64_t QuotaUsOf(uint32_t cpu_percent) {
  constexpr int64_t kUsPerPercent = kQuotaPeriodUs / 100;
  return cpu_percent == 0 ? kNoQuotaUs : cpu_percent * kUsPerPercent;
}

// The other way round, for any period; 0: no quota. Rounded up, so that 0 never stands for a small
// one. libvirt's word for "none" is any negative number when it is set, 17592186044415 when it is
// read back from cgroup v2 (VIR_CGROUP_CPU_QUOTA_MAX), and 0 where it was never set.
uint32_t CpuPercentOf(uint64_t period_us, int64_t quota_us);

}  // namespace flatvm::hypervisor
