#include "daemon/base/log.h"

#include <gtest/gtest.h>

#include <string>

namespace flatvm::base {
namespace {

std::string Logged(LogLevel level, std::string_view message, const LogFields& fields) {
  testing::internal::CaptureStderr();
  StderrLogger().Log(level, message, fields);
  return testing::internal::GetCapturedStderr();
}

TEST(StderrLogger, WritesPriorityMessageAndTheFieldsThatAreSet) {
  EXPECT_EQ(Logged(LogLevel::kWarning, "undo failed", {.tenant = "acme", .op = "CreateVm"}),
            "<4>undo failed tenant=acme op=CreateVm\n");
  EXPECT_EQ(Logged(LogLevel::kError, "x", {}), "<3>x\n");
}

TEST(StderrLogger, WritesOneLine) {
  EXPECT_EQ(Logged(LogLevel::kInfo, "first\nsecond", {.vm = "a\nb"}), "<6>first second vm=a b\n");
}

}  // namespace
}  // namespace flatvm::base
