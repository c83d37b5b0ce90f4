#include "lane_job.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "lane_frames.h"

namespace flatvm::testbed {
namespace {

void CloseFd(int& fd) {
  if (fd >= 0) close(fd);
  fd = -1;
}

[[noreturn]] void Execute(const std::vector<std::string>& argv, int in, int out, int err) {
  setsid();
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGIO}) signal(number, SIG_DFL);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  execvp(words[0], words.data());
  dprintf(STDERR_FILENO, "lane: cannot run %s: %s\n", words[0], strerror(errno));
  _exit(kCannotRun);
}

}  // namespace

std::optional<Job> Job::Start(const std::vector<std::string>& argv, std::chrono::seconds timeout) {
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0) return std::nullopt;
  if (pipe2(out, O_CLOEXEC) != 0) return close(in[0]), close(in[1]), std::nullopt;
  if (pipe2(err, O_CLOEXEC) != 0) {
    for (int fd : {in[0], in[1], out[0], out[1]}) close(fd);
    return std::nullopt;
  }
  Job job;
  job.pid_ = fork();
  if (job.pid_ == 0) Execute(argv, in[0], out[1], err[1]);
  for (int fd : {in[0], out[1], err[1]}) close(fd);
  job.input_ = in[1];
  job.output_ = out[0];
  job.errors_ = err[0];
  if (job.pid_ < 0) return std::nullopt;
  for (int fd : {job.input_, job.output_, job.errors_}) fcntl(fd, F_SETFL, O_NONBLOCK);
  job.pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, job.pid_, 0));
  if (timeout.count() > 0) job.deadline_ = Clock::now() + timeout;
  return job;
}

Job::Job(Job&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      input_(std::exchange(other.input_, -1)),
      output_(std::exchange(other.output_, -1)),
      errors_(std::exchange(other.errors_, -1)),
      input_ended_(other.input_ended_),
      queued_(std::move(other.queued_)),
      deadline_(other.deadline_) {}

Job::~Job() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);
    kill(pid_, SIGKILL);  // in case it has not reached setsid() yet
    waitpid(pid_, nullptr, 0);
  }
  for (int* fd : {&pidfd_, &input_, &output_, &errors_}) CloseFd(*fd);
}

size_t Job::FlushInput() {
  size_t done = 0;
  while (input_ >= 0 && !queued_.empty()) {
    const ssize_t n = write(input_, queued_.data(), queued_.size());
    if (n < 0 && errno == EAGAIN) return done;
    if (n < 0)
      CloseFd(input_);  // the command closed its stdin
    else {
      queued_.erase(0, static_cast<size_t>(n));
      done += static_cast<size_t>(n);
    }
  }
  if (input_ < 0) {
    done += queued_.size();
    queued_.clear();
  } else if (input_ended_) {
    CloseFd(input_);
  }
  return done;
}

std::string Job::ReadPipe(int& fd, size_t limit) {
  std::string bytes(limit, '\0');
  const ssize_t n = fd < 0 ? 0 : read(fd, bytes.data(), limit);
  bytes.resize(n > 0 ? static_cast<size_t>(n) : 0);
  if (n == 0) CloseFd(fd);
  return bytes;
}

void Job::Signal(int number) const {
  if (pid_ > 0) kill(-pid_, number);
}

int Job::MillisecondsLeft() const {
  if (!deadline_) return -1;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(*deadline_ - Clock::now()).count();
  return left > 0 ? static_cast<int>(left) + 1 : 0;
}

int Job::Reap() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace flatvm::testbed
