#include "cgroups/slice_properties.h"

#include <systemd/sd-bus.h>

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace flatvm::cgroups {
namespace {

int AppendNumbers(sd_bus_message* message, const SliceLimits& limits) {
  constexpr uint64_t kUsecPerPercent = 10'000;  // of a second's CPU time
  const uint64_t quota_us =
      limits.cpu_percent == kNoCpuLimit ? kNoLimit : limits.cpu_percent * kUsecPerPercent;
  const std::array<std::pair<const char*, uint64_t>, 5> numbers = {
      {{"MemoryMax", limits.memory_max_bytes},
       {"MemoryHigh", limits.memory_high_bytes},
       {"MemorySwapMax", limits.swap_max_bytes},
       {"CPUQuotaPerSecUSec", quota_us},
       {"TasksMax", limits.tasks_max}}};
  int r = 0;
  for (const auto& [name, value] : numbers) {
    if (r >= 0) r = sd_bus_message_append(message, "(sv)", name, "t", value);
  }
  return r;
}

// A bit for each CPU, the lowest first. No bytes at all: no limit.
int AppendCpus(sd_bus_message* message, const std::vector<uint32_t>& cpus) {
  std::vector<uint8_t> mask;
  for (const uint32_t cpu : cpus) {
    if (mask.size() <= cpu / 8) mask.resize(cpu / 8 + 1);
    mask[cpu / 8] = static_cast<uint8_t>(mask[cpu / 8] | (1U << (cpu % 8)));
  }
  int r = sd_bus_message_open_container(message, 'r', "sv");
  if (r >= 0) r = sd_bus_message_append(message, "s", "AllowedCPUs");
  if (r >= 0) r = sd_bus_message_open_container(message, 'v', "ay");
  if (r >= 0) r = sd_bus_message_append_array(message, 'y', mask.data(), mask.size());
  if (r >= 0) r = sd_bus_message_close_container(message);
  return r < 0 ? r : sd_bus_message_close_container(message);
}

int AppendIo(sd_bus_message* message, const SliceProperties& properties) {
  const IoLimits& io = properties.limits.io;
  const std::array<std::pair<const char*, uint64_t>, 4> limits = {
      {{"IOReadBandwidthMax", io.read_bytes},
       {"IOWriteBandwidthMax", io.write_bytes},
       {"IOReadIOPSMax", io.read_operations},
       {"IOWriteIOPSMax", io.write_operations}}};
  int r = 0;
  for (const auto& [name, value] : limits) {
    // An entry adds to what systemd has; only an empty array takes away, from every device, also
    // from one that held the storage earlier.
    if (r >= 0) r = sd_bus_message_append(message, "(sv)", name, "a(st)", 0);
    if (r < 0 || value == kNoLimit) continue;
    r = sd_bus_message_append(message, "(sv)", name, "a(st)", 1, properties.io_device.c_str(),
                              value);
  }
  return r;
}

}  // namespace

int AppendSliceProperties(sd_bus_message* message, const char* description,
                          const SliceProperties& properties) {
  int r = sd_bus_message_open_container(message, 'a', "(sv)");
  if (r >= 0 && description != nullptr) {
    r = sd_bus_message_append(message, "(sv)", "Description", "s", description);
  }
  for (const char* accounting :
       {"CPUAccounting", "IOAccounting", "MemoryAccounting", "TasksAccounting"}) {
    if (r >= 0) r = sd_bus_message_append(message, "(sv)", accounting, "b", 1);
  }
  if (r >= 0) r = AppendNumbers(message, properties.limits);
  if (r >= 0) r = AppendCpus(message, properties.limits.cpus);
  if (r >= 0) r = AppendIo(message, properties);
  return r < 0 ? r : sd_bus_message_close_container(message);
}

}  // namespace flatvm::cgroups
