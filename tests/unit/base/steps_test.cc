#include "daemon/base/steps.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "tests/fakes/fake_log.h"

namespace flatvm::base {
namespace {

TEST(Steps, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const StepInfo& step : kSteps) EXPECT_TRUE(names.insert(step.name).second) << step.name;
}

TEST(Steps, AreToldToWhoLooksOn) {
  std::vector<std::string> passed;
  const Steps steps([&](Step step) { passed.emplace_back(step.info().name); });
  steps.Pass("out.asked");
  steps.Pass("worker.back.added");
  EXPECT_EQ(passed, (std::vector<std::string>{"out.asked", "worker.back.added"}));
  Steps().Pass("out.asked");  // nobody
}

TEST(Steps, StopNobodyUnlessToldTo) {
  fakes::FakeLog log;
  for (const char* name : {static_cast<const char*>(nullptr), "", "front.asked"}) {
    const auto steps = StepsStoppingAt(name, Program::kFlatvmd, log);
    ASSERT_TRUE(steps.ok());
    steps->Pass("front.asked");
    steps->Pass("out.asked");
  }
  const auto unknown = StepsStoppingAt("out.nowhere", Program::kFlatvmd, log);
  EXPECT_EQ(GetErrorInfo(unknown.status()).field, "FLATVM_STOP_AT");
}

TEST(Steps, StopTheProcessThatPassesTheOne) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    fakes::FakeLog log;
    const auto steps = StepsStoppingAt("out.decided", Program::kFlatvmd, log);
    steps->Pass("out.asked");
    steps->Pass("out.decided");
    ::_exit(log.Has("stops at out.decided, as FLATVM_STOP_AT says") ? 7 : 8);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(WIFSTOPPED(status));
  ASSERT_EQ(::kill(child, SIGCONT), 0);
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace flatvm::base
