#include "daemon/base/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::base {
namespace {

using Deadline = std::chrono::steady_clock::time_point;

constexpr size_t kMaxOutput = size_t{64} * 1024;

// How a child starts: its standard streams, and no signal state of ours. A daemon blocks signals
// and ignores SIGPIPE; both would survive exec.
class SpawnPlan {
 public:
  // `inherited`: -1, or a file that the child has too.
  SpawnPlan(int output_fd, int inherited) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output_fd, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output_fd, STDERR_FILENO);
    // Onto itself: no longer to be closed at the exec.
    if (inherited >= 0) ::posix_spawn_file_actions_adddup2(&actions_, inherited, inherited);
    sigset_t none{};
    sigset_t all{};
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setpgroup(&attributes_, 0);  // a group of its own, killed as one
    ::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  // 0 or an errno.
  int Spawn(std::vector<std::string> argv, pid_t* pid) {
    std::vector<char*> pointers;
    pointers.reserve(argv.size() + 1);
    for (std::string& word : argv) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    std::array<std::string, 2> settings = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"};
    std::array<char*, 3> environment = {settings[0].data(), settings[1].data(), nullptr};
    return ::posix_spawn(pid, pointers[0], &actions_, &attributes_, pointers.data(),
                         environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// poll's timeout argument until `deadline`: 0 when it has passed.
int MillisecondsUntil(Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  constexpr std::chrono::milliseconds::rep kMaxPoll = 3'600'000;
  return static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, kMaxPoll));
}

// Reads once from the non-blocking `fd`, keeping at most kMaxOutput; false at its end or if there
// is nothing to read now.
bool ReadSome(int fd, std::string* output) {
  std::array<char, 4096> chunk{};
  const ssize_t n = ::read(fd, chunk.data(), chunk.size());
  if (n < 0) return errno == EINTR;
  if (n == 0) return false;
  output->append(chunk.data(), std::min(static_cast<size_t>(n), kMaxOutput - output->size()));
  return true;
}

// Collects output until the program has ended, whoever else still holds its output open, and even
// if it closed its output long before. False at the deadline.
bool WaitForEnd(int output_fd, int process_fd, Deadline deadline, std::string* output) {
  std::array<pollfd, 2> fds = {{{.fd = process_fd, .events = POLLIN, .revents = 0},
                                {.fd = output_fd, .events = POLLIN, .revents = 0}}};
  while (true) {
    const int timeout_ms = MillisecondsUntil(deadline);
    const int ready = ::poll(fds.data(), fds.size(), timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return false;
    if (fds[0].revents != 0) break;
    if (timeout_ms == 0) return false;
    // A negative fd is skipped by poll.
    if (fds[1].revents != 0 && !ReadSome(output_fd, output)) fds[1].fd = -1;
  }
  // What it wrote last is in the pipe. Bounded, as a process it left behind may still write.
  for (size_t i = 0; i < kMaxOutput && ReadSome(output_fd, output); ++i) {
  }
  return true;
}

absl::StatusOr<ProgramResult> Run(const std::vector<std::string>& argv, int inherited,
                                  std::chrono::milliseconds timeout) {
  if (argv.empty()) return InternalError("RunProgram: no program named");
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  std::array<int, 2> pipe_fds{};
  if (::pipe2(pipe_fds.data(), O_CLOEXEC) != 0) return ErrnoError(errno, "pipe2");
  const UniqueFd reader(pipe_fds[0]);
  UniqueFd writer(pipe_fds[1]);
  // The reading end only: the child gets the other one, and expects it to block.
  if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) return ErrnoError(errno, "fcntl");

  pid_t pid = 0;
  if (const int error = SpawnPlan(writer.get(), inherited).Spawn(argv, &pid); error != 0) {
    return ErrnoError(error, StrCat("start ", argv[0]));
  }
  writer.Reset();

  ProgramResult result;
  // glibc 2.36 declares pidfd_open without extern "C".
  const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int pidfd_error = process.valid() ? 0 : errno;
  const bool finished =
      process.valid() && WaitForEnd(reader.get(), process.get(), deadline, &result.output);
  if (!finished) ::kill(-pid, SIGKILL);  // not waited for yet, so the number is still its own
  int wait_status = 0;
  while (::waitpid(pid, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (pidfd_error != 0) return ErrnoError(pidfd_error, "pidfd_open");
  if (!finished) {
    return MakeError(absl::StatusCode::kDeadlineExceeded, Reason::kStageTimedOut,
                     StrCat(argv[0], " did not finish in ", timeout.count(), " ms"));
  }
  result.exit_code =
      WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  return result;
}

}  // namespace

absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv,
                                         std::chrono::milliseconds timeout) {
  return Run(argv, -1, timeout);
}

absl::StatusOr<ProgramResult> RunProgramOn(int file, const std::vector<std::string>& argv,
                                           std::chrono::milliseconds timeout) {
  return Run(argv, file, timeout);
}

}  // namespace flatvm::base
