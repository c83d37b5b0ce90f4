#include "daemon/base/amount_text.h"

#include <gtest/gtest.h>

#include <limits>

namespace flatvm::base {
namespace {

constexpr uint64_t kKib = 1024;
constexpr uint64_t kMib = kKib * 1024;
constexpr uint64_t kGib = kMib * 1024;
constexpr uint64_t kTib = kGib * 1024;
constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();

TEST(ByteText, RoundsDownInTheLargestUnit) {
  const struct {
    uint64_t bytes;
    const char* text;
  } kTable[] = {{0, "0B"},
                {1023, "1023B"},
                {kKib, "1.0KiB"},
                {kMib - 1, "1023KiB"},
                {37 * kMib + kMib / 4, "37.2MiB"},
                {100 * kMib - 1, "99.9MiB"},
                {310 * kMib + kMib / 2, "310MiB"},
                {1500 * kMib, "1.4GiB"},
                {4 * kGib - 1, "3.9GiB"},
                {2 * kTib, "2.0TiB"},
                {kMost, "16777215TiB"}};
  for (const auto& row : kTable) EXPECT_EQ(ByteText(row.bytes), row.text);
}

TEST(RateText, IsExact) {
  const struct {
    uint64_t bytes;
    uint64_t operations;
    const char* text;
  } kTable[] = {{0, 0, "no limit"},
                {200 * kMib, 0, "200MiB/s"},
                {0, 1000, "1000 iops"},
                {kGib, 1, "1GiB/s, 1 iops"},
                {1536 * kKib, 0, "1536KiB/s"},
                {1001, 0, "1001B/s"},
                {kMost, kMost, "18446744073709551615B/s, 18446744073709551615 iops"}};
  for (const auto& row : kTable) {
    EXPECT_EQ(RateText(row.bytes, row.operations, "no limit"), row.text);
  }
}

TEST(CpuTimeText, NamesTheTwoLargestUnits) {
  const struct {
    uint64_t us;
    const char* text;
  } kTable[] = {{0, "0.0 s"},
                {99'999, "0.0 s"},
                {1'250'000, "1.2 s"},
                {59'999'999, "59.9 s"},
                {60'000'000, "1 min 0 s"},
                {3'599'000'000, "59 min 59 s"},
                {11'520'000'000, "3 h 12 min"},
                {86'400'000'000, "1 d 0 h"},
                {kMost, "213503982 d 8 h"}};
  for (const auto& row : kTable) EXPECT_EQ(CpuTimeText(row.us), row.text);
}

TEST(PercentText, HasTwoDigitsAsTheKernel) {
  EXPECT_EQ(PercentText(0), "0.00%");
  EXPECT_EQ(PercentText(12.349), "12.35%");
  EXPECT_EQ(PercentText(100), "100.00%");
}

}  // namespace
}  // namespace flatvm::base
