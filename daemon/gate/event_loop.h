// One thread that waits for descriptors, timers and posted jobs. Knows nothing of what they are.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::gate {

// Thread-safe where it says so; callbacks run on the loop's thread, and must not block.
class EventLoop {
 public:
  using Job = std::function<void()>;
  using Ready = std::function<void(uint32_t events)>;

  EventLoop();
  // Ends the thread if Stop did not.
  ~EventLoop();

  // INTERNAL if the kernel refused what a loop needs; nothing runs then.
  absl::Status status() const { return status_; }

  // Runs `job` soon, in the order of the posts. Thread-safe. Dropped after Stop.
  void Post(Job job);

  // Waits for the running callback and ends the thread. Posted jobs and timers that are not due are
  // dropped. Any thread but the loop's.
  void Stop();

  // On the loop's thread only:

  // Calls `ready` while any of `events` (EPOLLIN, EPOLLOUT; HUP and ERR always) is pending on `fd`,
  // which stays open until Unwatch. False: the kernel refused.
  bool Watch(int fd, uint32_t events, Ready ready);
  void Change(int fd, uint32_t events);
  void Unwatch(int fd);

  // Runs `job` once, `delay` from now.
  void After(std::chrono::milliseconds delay, Job job);

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Run();
  void RunPosted();
  void RunTimers();
  int MillisecondsToNextTimer() const;
  void Wake();

  absl::Status status_;
  base::UniqueFd epoll_;
  base::UniqueFd wake_;  // eventfd

  std::mutex mutex_;  // guards posted_ and stop_
  std::vector<Job> posted_;
  bool stop_ = false;

  // The loop's thread only.
  std::unordered_map<int, std::shared_ptr<Ready>> watched_;
  std::multimap<Time, Job> timers_;

  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace flatvm::gate
