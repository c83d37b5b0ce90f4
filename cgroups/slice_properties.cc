#include "cgroups/slice_properties.h"

#include <array>
#include <cstdint>
#include <utility>

namespace flatvm::cgroups {

std::vector<systemd::UnitProperty> SliceProperties(const SliceLimits& limits,
                                                   const std::string& io_device) {
  constexpr uint64_t kUsecPerPercent = 10'000;  // of a second's CPU time
  const uint64_t quota_us =
      limits.cpu_percent == kNoCpuLimit ? kNoLimit : limits.cpu_percent * kUsecPerPercent;
  std::vector<systemd::UnitProperty> properties = {
      {"CPUAccounting", true},
      {"IOAccounting", true},
      {"MemoryAccounting", true},
      {"TasksAccounting", true},
      {"MemoryMax", limits.memory_max_bytes},
      {"MemoryHigh", limits.memory_high_bytes},
      {"MemorySwapMax", limits.swap_max_bytes},
      {"CPUQuotaPerSecUSec", quota_us},
      {"TasksMax", limits.tasks_max},
      {"AllowedCPUs", systemd::CpuSet{limits.cpus}},
  };
  const std::array<std::pair<const char*, uint64_t>, 4> io = {
      {{"IOReadBandwidthMax", limits.io.read_bytes},
       {"IOWriteBandwidthMax", limits.io.write_bytes},
       {"IOReadIOPSMax", limits.io.read_operations},
       {"IOWriteIOPSMax", limits.io.write_operations}}};
  for (const auto& [name, value] : io) {
    // Emptied first: an earlier limit may be of a device that held the storage then.
    properties.push_back({name, systemd::DeviceLimits{}});
    if (value != kNoLimit)
      properties.push_back({name, systemd::DeviceLimits{{{io_device, value}}}});
  }
  return properties;
}

}  // namespace flatvm::cgroups
