#include "daemon/base/subprocess.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

using std::chrono::milliseconds;

// Longer than any of these programs takes; a test that gets there failed.
constexpr milliseconds kAmple{60'000};

absl::StatusOr<ProgramResult> RunShell(const std::string& script, milliseconds timeout = kAmple) {
  return RunProgram({"/bin/sh", "-c", script}, timeout);
}

TEST(RunProgram, ReturnsOutputOfBothStreamsAndTheExitCode) {
  const auto result = RunShell("echo out; echo err >&2; exit 7");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 7);
  EXPECT_EQ(result->output, "out\nerr\n");
}

TEST(RunProgram, PassesArgumentsWithoutAShell) {
  const auto result = RunProgram({"/bin/echo", "$HOME; `id`", "*"}, kAmple);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "$HOME; `id` *\n");
}

TEST(RunProgram, GivesAnEmptyInputAndEnvironment) {
  ASSERT_EQ(::setenv("FLATVM_TEST_SECRET", "x", 1), 0);
  const auto result = RunProgram({"/usr/bin/env"}, kAmple);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLANG=C\n");
  const auto input = RunShell("cat; echo end");
  ASSERT_TRUE(input.ok()) << input.status();
  EXPECT_EQ(input->output, "end\n");
}

// What this process itself was started with, and would hand on.
int InheritedDescriptors() {
  int count = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
  }
  return count;
}

TEST(RunProgram, LeaksNoDescriptor) {
  const auto result = RunShell("ls /proc/self/fd | wc -l");
  ASSERT_TRUE(result.ok()) << result.status();
  // 0, 1, 2 and the directory itself.
  EXPECT_EQ(result->output, std::to_string(4 + InheritedDescriptors()) + "\n");
}

TEST(RunProgram, DoesNotHandOnBlockedOrIgnoredSignals) {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  const auto old_handler = ::signal(SIGPIPE, SIG_IGN);
  const auto result = RunProgram({"/bin/grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"}, kAmple);
  ::signal(SIGPIPE, old_handler);
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  ASSERT_TRUE(result.ok()) << result.status();
  // Signals 32 and 33 are glibc's own; a parent may have left them ignored.
  EXPECT_THAT(result->output, testing::MatchesRegex(
                                  "SigBlk:\t0000000000000000\nSigIgn:\t0000000[01][08]0000000\n"));
}

TEST(RunProgram, SaysWhichSignalKilledIt) {
  const auto result = RunShell("kill -9 $$");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_code, 128 + SIGKILL);
}

TEST(RunProgram, KeepsTheFirst64KiBOfOutput) {
  const auto result = RunShell("head -c 300000 /dev/zero; exit 3");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output.size(), 65536U);
  EXPECT_EQ(result->exit_code, 3);
}

TEST(RunProgram, IsKilledAtItsDeadline) {
  for (const char* script :
       {"sleep 100", "exec >/dev/null 2>&1 </dev/null; sleep 100", "while :; do echo x; done"}) {
    const auto result = RunShell(script, milliseconds(100));
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded) << script;
    EXPECT_EQ(GetErrorInfo(result.status()).reason, Reason::kStageTimedOut) << script;
  }
}

TEST(RunProgram, TakesItsChildrenAlongAtTheDeadline) {
  // The reading end of the pipe stays ours: it ends only when every process that has it is gone.
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  const std::string keep = "sleep 100 >&" + std::to_string(fds[1]);
  const auto result = RunShell(keep + " & " + keep, milliseconds(100));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  ::close(fds[1]);
  char byte = 0;
  EXPECT_EQ(::read(fds[0], &byte, 1), 0);
  ::close(fds[0]);
}

TEST(RunProgram, DoesNotWaitForWhatTheProgramLeavesBehind) {
  const auto result = RunShell("sleep 5 & echo done");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->output, "done\n");
}

TEST(RunProgram, SaysWhatItCouldNotStart) {
  const auto result = RunProgram({"/nonexistent/program"}, kAmple);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(result.status().message()),
              testing::HasSubstr("start /nonexistent/program: ENOENT"));
  EXPECT_EQ(RunProgram({}, kAmple).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::base
