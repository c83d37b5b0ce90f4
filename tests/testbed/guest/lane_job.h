// One command that a lane runs: its process, its three pipes and its deadline.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace flatvm::testbed {

class Job {
 public:
  using Clock = std::chrono::steady_clock;

  // Starts argv in a session of its own. Empty if the kernel refused; a command that cannot be
  // executed still starts, says so on its stderr and exits with kCannotRun.
  static std::optional<Job> Start(const std::vector<std::string>& argv,
                                  std::chrono::seconds timeout);

  Job(Job&& other) noexcept;
  Job& operator=(Job&&) = delete;
  // Kills the whole process group and reaps the command.
  ~Job();

  int exit_fd() const { return pidfd_; }
  int input_fd() const { return input_; }
  int output_fd() const { return output_; }
  int errors_fd() const { return errors_; }

  void QueueInput(const std::string& bytes) { queued_ += bytes; }
  void EndInput() { input_ended_ = true; }
  bool HasQueuedInput() const { return input_ >= 0 && (!queued_.empty() || input_ended_); }
  // Writes what the command takes. Returns the number of bytes done with (also those that nobody
  // will read).
  size_t FlushInput();
  // Reads what is there, at most limit bytes; closes the pipe at its end.
  std::string ReadOutput(size_t limit) { return ReadPipe(output_, limit); }
  std::string ReadErrors(size_t limit) { return ReadPipe(errors_, limit); }

  void Signal(int number) const;
  // -1: no deadline, otherwise milliseconds that are left.
  int MillisecondsLeft() const;
  // The exit code as a shell would give it. Call once exit_fd() is readable.
  int Reap();

 private:
  Job() = default;
  static std::string ReadPipe(int& fd, size_t limit);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int input_ = -1;
  int output_ = -1;
  int errors_ = -1;
  bool input_ended_ = false;
  std::string queued_;
  std::optional<Clock::time_point> deadline_;
};

}  // namespace flatvm::testbed
