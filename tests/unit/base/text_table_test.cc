#include "daemon/base/text_table.h"

#include <gtest/gtest.h>

namespace flatvm::base {
namespace {

TEST(RenderTable, AlignsColumnsWithoutTrailingSpace) {
  EXPECT_EQ(RenderTable({"NAME", "STATE", ""}, {{"web", "running", "x"}, {"database", "off", ""}}),
            "NAME      STATE\n"
            "web       running  x\n"
            "database  off\n");
}

TEST(RenderTable, HasAHeaderWithoutRows) { EXPECT_EQ(RenderTable({"A", "B"}, {}), "A  B\n"); }

TEST(RenderTable, TakesRowsOfAnyLength) {
  EXPECT_EQ(RenderTable({"A"}, {{}, {"1", "22", "3"}, {"4", "5"}}), "A\n\n1  22  3\n4  5\n");
}

TEST(RenderTable, AlignsByWhatIsPrinted) {
  EXPECT_EQ(RenderTable({"A", "B"}, {{"\x1b[2J", "x"}, {"ab", "y"}}),
            "A        B\n"
            "\\x1b[2J  x\n"
            "ab       y\n");
}

TEST(EscapeForTerminal, LeavesPrintableAsciiAndBackslashes) {
  EXPECT_EQ(EscapeForTerminal("flatvm-a\\x2db.slice ~"), "flatvm-a\\x2db.slice ~");
  EXPECT_EQ(EscapeForTerminal("a\r\n\t\x7f\x9b"), "a\\x0d\\x0a\\x09\\x7f\\x9b");
}

}  // namespace
}  // namespace flatvm::base
