// Threads for jobs that block, shared fairly: each key (a tenant, a CID) has its turn and its
// bounds.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace flatvm::gate {

// Thread-safe. Threads start as they are needed and stay.
class FairPool {
 public:
  struct Limits {
    size_t threads = 1;
    size_t running_per_key = 1;
    size_t queued_per_key = 1;  // beside the running ones
    size_t queued = 1;          // of all keys
  };

  explicit FairPool(const Limits& limits) : limits_(limits) {}
  FairPool(const FairPool&) = delete;
  FairPool& operator=(const FairPool&) = delete;
  ~FairPool() { Stop(); }

  // Runs `job` when it is the key's turn: keys take turns, a key's own jobs go in order. False: the
  // key's queue or the whole queue is full, or Stop was called; the job is dropped.
  bool Submit(const std::string& key, std::function<void()> job);

  // Waits for the running jobs, drops the rest. Not from a job.
  void Stop();

 private:
  struct Lane {
    std::deque<std::function<void()>> jobs;
    size_t running = 0;
    bool has_turn = false;  // is in turns_
  };

  void Run();
  // Puts the lane in line if it may run another job.
  void QueueTurn(const std::string& key, Lane* lane);
  // Wakes or starts a thread if somebody is in line.
  void ProvideThread();

  const Limits limits_;
  std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::map<std::string, Lane> lanes_;  // those that run or wait
  std::deque<std::string> turns_;
  size_t queued_ = 0;
  size_t idle_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace flatvm::gate
