#include "cgroups/file_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::cgroups {
namespace {

using ::testing::HasSubstr;

TEST(ParseNumber, TakesWholeDecimalNumbersOnly) {
  EXPECT_EQ(ParseNumber("0"), 0U);
  EXPECT_EQ(ParseNumber("18446744073709551615"), UINT64_MAX);
  for (const char* bad :
       {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "1.5", "18446744073709551616", "\n"}) {
    EXPECT_EQ(ParseNumber(bad), std::nullopt) << bad;
  }
}

TEST(TakePart, GivesOnePartAfterTheOther) {
  std::string_view rest = "a b";
  EXPECT_EQ(TakePart(&rest, ' '), "a");
  EXPECT_EQ(TakePart(&rest, ' '), "b");
  EXPECT_EQ(rest, "");
  EXPECT_EQ(TakePart(&rest, ' '), "");
}

TEST(FindKeyedNumber, FindsTheKeyAmongOthers) {
  EXPECT_EQ(*FindKeyedNumber("oom 1\noom_kill 2\noom_kill_x 3\n", "oom_kill"), 2U);
  EXPECT_EQ(*FindKeyedNumber("oom 1\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(*FindKeyedNumber("", "oom_kill"), std::nullopt);
}

TEST(FindKeyedNumber, RefusesLinesOfAnotherForm) {
  for (const char* bad : {"\n", "oom\n", "oom \n", " 1\n", "oom -1\n", "oom 1 2\n", "oom  1\n",
                          "oom x\n", "a 1\n\nb 2\n"}) {
    EXPECT_EQ(FindKeyedNumber(bad, "oom").status().code(), absl::StatusCode::kInternal) << bad;
  }
}

TEST(ParseKeyedNumber, SaysWhichKeyIsMissing) {
  const absl::Status status = ParseKeyedNumber("oom 1\n", "oom_kill").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("oom_kill"));
}

}  // namespace
}  // namespace flatvm::cgroups
