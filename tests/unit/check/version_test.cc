#include "daemon/check/version.h"

#include <gtest/gtest.h>

namespace flatvm::check {
namespace {

TEST(FindVersion, FindsWhatProgramsPrint) {
  const struct {
    const char* output;
    const char* text;
    uint32_t major;
    uint32_t minor;
  } kTable[] = {
      {"e2fsck 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0", "1.47.0", 1, 47},
      {"systemd 252 (252.39-1~deb12u1)\n+PAM +AUDIT", "252", 252, 0},
      {"7.2.22", "7.2.22", 7, 2},
      {"e2fsprogs 1.46", "1.46", 1, 46}};
  for (const auto& row : kTable) {
    const auto version = FindVersion(row.output);
    ASSERT_TRUE(version.has_value()) << row.output;
    EXPECT_EQ(version->text, row.text);
    EXPECT_EQ(version->major, row.major) << row.output;
    EXPECT_EQ(version->minor, row.minor) << row.output;
  }
}

TEST(FindVersion, FindsNothingElse) {
  for (const char* output : {"", "no digits", "e2fsck", "v1.2", "99999999999.1", "1..2"}) {
    const auto version = FindVersion(output);
    EXPECT_FALSE(version.has_value()) << output << ": " << version->text;
  }
}

TEST(Version, ComparesNumbersNotText) {
  const Version version = FindVersion("10.2").value_or(Version());
  EXPECT_TRUE(version.IsAtLeast(9, 5));
  EXPECT_TRUE(version.IsAtLeast(10, 2));
  EXPECT_FALSE(version.IsAtLeast(10, 3));
  EXPECT_FALSE(version.IsAtLeast(11, 0));
}

}  // namespace
}  // namespace flatvm::check
