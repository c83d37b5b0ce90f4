// One thread that does what must not block the event loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace flatvm::app {

// Thread-safe. Runs jobs one after the other, in order; the destructor waits for the running one
// and drops the rest.
class Worker {
 public:
  Worker() : thread_([this] { Run(); }) {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  void Post(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;  // guards jobs_ and stop_
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stop_ = false;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace flatvm::app
