// Lists of CPUs as the kernel and people write them: "0-3,8".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::base {

// The highest number of a CPU: Debian's kernel and systemd know 8192 of them.
constexpr uint32_t kMaxCpuNumber = 8191;

// Parses numbers and ranges of them, parted by commas, no blanks, at least one; in any order,
// twice is as good as once. The result is rising, each CPU once. Errors: INVALID_ARGUMENT /
// kFieldMalformed naming `field`.
absl::StatusOr<std::vector<uint32_t>> ParseCpuList(std::string_view field, std::string_view text);

// The shortest text for `cpus`, which rise: {0, 1, 2, 3, 8} -> "0-3,8", none -> "".
std::string FormatCpuList(const std::vector<uint32_t>& cpus);

}  // namespace flatvm::base
