#include "daemon/base/cpu_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ParseCpuList, TakesNumbersAndRanges) {
  EXPECT_THAT(*ParseCpuList("cpus", "0"), ElementsAre(0));
  EXPECT_THAT(*ParseCpuList("cpus", "0-3,8"), ElementsAre(0, 1, 2, 3, 8));
  EXPECT_THAT(*ParseCpuList("cpus", "5-5"), ElementsAre(5));
  EXPECT_THAT(*ParseCpuList("cpus", "8191"), ElementsAre(8191));
}

TEST(ParseCpuList, SortsAndCountsEachCpuOnce) {
  EXPECT_THAT(*ParseCpuList("cpus", "8,0-2,1-3,8"), ElementsAre(0, 1, 2, 3, 8));
}

TEST(ParseCpuList, TakesEveryCpuThereMayBe) {
  std::vector<uint32_t> all(kMaxCpuNumber + 1);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(*ParseCpuList("cpus", "0-8191"), all);
}

TEST(ParseCpuList, RefusesAllElse) {
  for (const char* bad : {"",
                          ",",
                          "0,",
                          ",0",
                          "0,,1",
                          " 0",
                          "0 ",
                          "0, 1",
                          "0-3 8",
                          "-",
                          "0-",
                          "-3",
                          "3-1",
                          "0--3",
                          "0-1-2",
                          "+1",
                          "0x1",
                          "a",
                          "0-a",
                          "1.5",
                          "0\n",
                          "all",
                          "8192",
                          "0-8192",
                          "0;1",
                          "^0",
                          "4294967296",
                          "0-3:2",
                          "0-99999999999999999999"}) {
    const absl::Status status = ParseCpuList("limits.cpus", bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_EQ(GetErrorInfo(status).reason, Reason::kFieldMalformed) << bad;
    EXPECT_EQ(GetErrorInfo(status).field, "limits.cpus") << bad;
  }
}

TEST(ParseCpuList, EscapesWhatItQuotes) {
  EXPECT_THAT(std::string(ParseCpuList("cpus", "\x1b[2J").status().message()),
              Not(HasSubstr("\x1b")));
}

TEST(FormatCpuList, IsShortAndReadBackAsTheSame) {
  EXPECT_EQ(FormatCpuList({}), "");
  EXPECT_EQ(FormatCpuList({7}), "7");
  EXPECT_EQ(FormatCpuList({0, 1}), "0-1");
  EXPECT_EQ(FormatCpuList({0, 2, 4}), "0,2,4");
  EXPECT_EQ(FormatCpuList({0, 1, 2, 3, 8}), "0-3,8");
  for (const char* text : {"0", "0-8191", "1,3-5,7,9-10"}) {
    EXPECT_EQ(FormatCpuList(*ParseCpuList("cpus", text)), text);
  }
}

}  // namespace
}  // namespace flatvm::base
