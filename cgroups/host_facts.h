// What of the host decides how a slice's files are written and read. Not what the slice uses.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::cgroups {

// Where the kernel shows itself; elsewhere in tests.
struct HostRoots {
  std::string proc = "/proc";
  std::string sys = "/sys";
};

struct HostFacts {
  std::vector<uint32_t> possible_cpus;  // rising: those that are there and those that may be added
  std::string storage_device;           // "254:0" (storage_device.h); empty: no block device
};

// CPUs that this kernel could ever run on: the most that cpuset.cpus takes. INTERNAL naming the
// file. Source: /sys/devices/system/cpu/possible (sysfs-devices-system-cpu).
absl::StatusOr<std::vector<uint32_t>> ReadPossibleCpus(const HostRoots& roots);

}  // namespace flatvm::cgroups
