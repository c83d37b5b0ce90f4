// Amounts as a person reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flatvm::base {

// "512B", "37.2MiB", "310MiB", "1.4GiB": rounded down, with a digit after the point below 100.
std::string ByteText(uint64_t bytes);

// What may be read, or written, in a second: "200MiB/s, 1000 iops". Exact. 0 is no limit; `none` is
// the text for two of them.
std::string RateText(uint64_t bytes, uint64_t operations, std::string_view none);

// "0.4 s", "12.3 s", "5 min 12 s", "3 h 12 min", "12 d 3 h": rounded down.
std::string CpuTimeText(uint64_t us);

// "12.35%".
std::string PercentText(double percent);

}  // namespace flatvm::base
