// What a slice has used, from the kernel's files. Only reads.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "cgroups/cgroup_dir.h"
#include "cgroups/tenant_cgroups.h"

namespace flatvm::cgroups {

struct IoBytes {
  uint64_t read = 0;
  uint64_t written = 0;

  bool operator==(const IoBytes&) const = default;
};

// The sums over all devices in the content of io.stat: "254:0 rbytes=4096 wbytes=0 rios=1 …".
// INTERNAL if one of the two is no number.
absl::StatusOr<IoBytes> ParseIoStat(std::string_view content);

// The averages over ten seconds in the content of a .pressure file: "some avg10=1.50 avg60=…", and
// "full …", which older kernels do not have for the CPU: 0. INTERNAL if it is not of this form.
// Source: Documentation/accounting/psi.rst.
absl::StatusOr<Pressure> ParsePressure(std::string_view content);

// A kernel without PSI (psi=0) has no pressure. Errors: as CgroupDir's; INTERNAL naming the file
// that is malformed.
absl::StatusOr<SliceUsage> ReadSliceUsage(const CgroupDir& cgroup);

}  // namespace flatvm::cgroups
