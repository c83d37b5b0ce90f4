#include "daemon/gate/fair_pool.h"

#include <utility>

namespace flatvm::gate {

bool FairPool::Submit(const std::string& key, std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stop_ || queued_ >= limits_.queued) return false;
  Lane& lane = lanes_[key];
  if (lane.running + lane.jobs.size() >= limits_.running_per_key + limits_.queued_per_key) {
    return false;
  }
  lane.jobs.push_back(std::move(job));
  ++queued_;
  QueueTurn(key, &lane);
  ProvideThread();
  return true;
}

void FairPool::ProvideThread() {
  if (turns_.empty()) return;
  if (turns_.size() > idle_ && threads_.size() < limits_.threads) {
    threads_.emplace_back([this] { Run(); });
  }
  wake_.notify_one();
}

void FairPool::QueueTurn(const std::string& key, Lane* lane) {
  if (lane->has_turn || lane->jobs.empty() || lane->running >= limits_.running_per_key) return;
  lane->has_turn = true;
  turns_.push_back(key);
}

void FairPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [this] { return stop_ || !turns_.empty(); });
    --idle_;
    if (stop_) return;
    const std::string key = std::move(turns_.front());
    turns_.pop_front();
    Lane& lane = lanes_[key];  // stays while it runs something
    lane.has_turn = false;
    std::function<void()> job = std::move(lane.jobs.front());
    lane.jobs.pop_front();
    --queued_;
    ++lane.running;
    QueueTurn(key, &lane);
    ProvideThread();  // this one is busy now, and may have been the only one
    lock.unlock();
    job();
    job = nullptr;  // what it owns goes without the lock
    lock.lock();
    --lane.running;
    QueueTurn(key, &lane);
    if (lane.running == 0 && lane.jobs.empty()) lanes_.erase(key);
  }
}

void FairPool::Stop() {
  std::vector<std::thread> threads;
  std::map<std::string, Lane> dropped;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    threads.swap(threads_);
    turns_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(mutex_);
  dropped.swap(lanes_);
}

}  // namespace flatvm::gate
