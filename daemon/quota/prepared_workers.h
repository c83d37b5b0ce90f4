// Workers that start before what they are for is there: their start takes longer than a guest takes
// to let go of its disk.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/quota/worker_link.h"
#include "storage/quota_worker.h"

namespace flatvm::quota {

using StartedWorker = absl::StatusOr<std::unique_ptr<WorkerLink>>;

// At most one for each tenant. Thread-safe; outlives what it prepared, and ends what is left.
class PreparedWorkers {
 public:
  using Starter = std::function<StartedWorker()>;

  // The one that is kept ready, or one that `start` makes at once, on a thread of its own; until
  // Take has it or what is returned goes, which waits for its start.
  std::unique_ptr<storage::PreparedWorker> Prepare(const std::string& tenant, Starter start);

  // Has one that `start` makes `after` from now, or as soon as it is wanted, on a thread of its
  // own.
  void KeepReady(const std::string& tenant, Starter start, std::chrono::milliseconds after);

  // The tenant's, started; blocks until it is. Null if there is none, it did not start, or it has
  // ended.
  std::unique_ptr<WorkerLink> Take(const std::string& tenant);

  // Ends the tenant's, if there is one. Blocks.
  void End(const std::string& tenant);

 private:
  class Preparation;
  class Slot;

  void Ensure(const std::string& tenant, Starter start, std::chrono::milliseconds after);
  std::shared_ptr<Slot> Remove(const std::string& tenant);

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Slot>> slots_;  // by tenant; guarded by mutex_
};

}  // namespace flatvm::quota
