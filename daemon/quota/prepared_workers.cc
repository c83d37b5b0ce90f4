#include "daemon/quota/prepared_workers.h"

#include <condition_variable>
#include <thread>
#include <utility>

#include "absl/status/status.h"

namespace flatvm::quota {

// One worker, from the wish for it on. Its thread ends when the worker has started. When this goes
// the worker ends, unless it was taken. Thread-safe.
class PreparedWorkers::Slot {
 public:
  // What `earlier` has ends first; it may be null.
  Slot(Starter start, std::chrono::milliseconds after, std::shared_ptr<Slot> earlier)
      : start_(std::move(start)), thread_([this, after, earlier = std::move(earlier)]() mutable {
          earlier = nullptr;
          Start(after);
        }) {}
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() {
    Say(Wish::kDropped);
    thread_.join();
  }

  void Hurry() { Say(Wish::kNow); }

  // False if it could not start, or has ended.
  bool IsOfUse() const {
    const std::lock_guard lock(mutex_);
    return !started_ || (worker_.ok() && (*worker_)->IsReady());
  }

  // Once. Null if it could not start, or has ended.
  std::unique_ptr<WorkerLink> Take() {
    Hurry();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return started_; });
    return worker_.ok() && (*worker_)->IsReady() ? *std::move(worker_) : nullptr;
  }

 private:
  enum class Wish { kLater, kNow, kDropped };

  void Say(Wish wish) {
    const std::lock_guard lock(mutex_);
    wish_ = wish;
    changed_.notify_all();
  }

  bool IsWanted(std::chrono::milliseconds after) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, after, [this] { return wish_ != Wish::kLater; });
    return wish_ != Wish::kDropped;
  }

  void Start(std::chrono::milliseconds after) {
    StartedWorker worker = IsWanted(after) ? start_() : absl::CancelledError("nobody wants it");
    const std::lock_guard lock(mutex_);
    worker_ = std::move(worker);
    started_ = true;
    changed_.notify_all();
  }

  const Starter start_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // one of the following, which mutex_ guards
  Wish wish_ = Wish::kLater;
  bool started_ = false;  // or failed to
  StartedWorker worker_ = absl::UnknownError("not started");
  std::thread thread_;  // last: it uses the rest
};

class PreparedWorkers::Preparation final : public storage::PreparedWorker {
 public:
  Preparation(PreparedWorkers& owner, std::string tenant)
      : owner_(owner), tenant_(std::move(tenant)) {}
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  ~Preparation() override { owner_.End(tenant_); }

 private:
  PreparedWorkers& owner_;
  const std::string tenant_;
};

void PreparedWorkers::Ensure(const std::string& tenant, Starter start,
                             std::chrono::milliseconds after) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<Slot>& slot = slots_[tenant];
  if (slot == nullptr || !slot->IsOfUse()) {
    slot = std::make_shared<Slot>(std::move(start), after, std::move(slot));
  }
  if (after == std::chrono::milliseconds(0)) slot->Hurry();
}

std::shared_ptr<PreparedWorkers::Slot> PreparedWorkers::Remove(const std::string& tenant) {
  const std::lock_guard lock(mutex_);
  const auto found = slots_.find(tenant);
  if (found == slots_.end()) return nullptr;
  std::shared_ptr<Slot> slot = std::move(found->second);
  slots_.erase(found);
  return slot;
}

std::unique_ptr<storage::PreparedWorker> PreparedWorkers::Prepare(const std::string& tenant,
                                                                  Starter start) {
  Ensure(tenant, std::move(start), std::chrono::milliseconds(0));
  return std::make_unique<Preparation>(*this, tenant);
}

void PreparedWorkers::KeepReady(const std::string& tenant, Starter start,
                                std::chrono::milliseconds after) {
  Ensure(tenant, std::move(start), after);
}

std::unique_ptr<WorkerLink> PreparedWorkers::Take(const std::string& tenant) {
  const std::shared_ptr<Slot> slot = Remove(tenant);
  return slot == nullptr ? nullptr : slot->Take();
}

void PreparedWorkers::End(const std::string& tenant) { (void)Remove(tenant); }

}  // namespace flatvm::quota
