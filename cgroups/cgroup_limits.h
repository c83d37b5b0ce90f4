// A slice's limits as the kernel's files hold them: read, and compared with what was asked. Who
// writes them is systemd.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cgroups/cgroup_dir.h"
#include "cgroups/host_facts.h"
#include "cgroups/tenant_cgroups.h"

namespace flatvm::cgroups {

// Not there in a cgroup whose parent does not have the controller cpuset switched on.
constexpr const char* kCpusetCpus = "cpuset.cpus";

// Content of memory.max, memory.high, memory.swap.max or pids.max: a number or "max", and the
// newline. INTERNAL if it is not.
absl::StatusOr<uint64_t> ParseLimit(std::string_view content);

// Content of cpu.max, such as "200000 100000": microseconds of quota, or "max", in each period. The
// percentage of one CPU, rounded up. INTERNAL if it is not of this form.
absl::StatusOr<uint32_t> ParseCpuMax(std::string_view content);

// Content of cpuset.cpus: "0-3,8", or nothing, and the newline. INTERNAL if it is not.
absl::StatusOr<std::vector<uint32_t>> ParseCpusetCpus(std::string_view content);

// The limits of `device`, such as "254:0", in the content of io.max, which has a line for each
// device that has any: "254:0 rbps=1048576 wbps=max riops=max wiops=max". INTERNAL if a line is of
// another form.
absl::StatusOr<IoLimits> ParseIoMax(std::string_view content, std::string_view device);

// Errors: as CgroupDir's; INTERNAL naming the file that is malformed.
absl::StatusOr<SliceLimits> ReadSliceLimits(const CgroupDir& cgroup, const HostFacts& host);

// INTERNAL naming the first file that does not hold `limits`, what was wanted and what was found.
// As the kernel does, bytes of memory may be rounded down to a page, and 2^32 - 1 I/O operations
// and more are no limit.
absl::Status CheckSliceLimits(const CgroupDir& cgroup, const SliceLimits& limits,
                              const HostFacts& host);

}  // namespace flatvm::cgroups
