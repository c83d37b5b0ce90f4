// Workers that start while what they are for is not there yet: their start takes as long as a
// guest takes to let go of its disk.
#pragma once

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/quota/worker_link.h"
#include "storage/quota_worker.h"

namespace flatvm::quota {

using StartedWorker = absl::StatusOr<std::unique_ptr<WorkerLink>>;

// Thread-safe; outlives what it prepared.
class PreparedWorkers {
 public:
  // One that `start` makes, on a thread of its own, until Take has it or what is returned goes,
  // which waits for its start.
  std::unique_ptr<storage::PreparedWorker> Prepare(const std::string& tenant,
                                                   std::function<StartedWorker()> start);

  // The tenant's, started; blocks until it is. Null if none is prepared or it did not start.
  std::unique_ptr<WorkerLink> Take(const std::string& tenant);

 private:
  class Preparation;

  std::mutex mutex_;
  std::map<std::string, std::future<StartedWorker>> workers_;  // by tenant; guarded by mutex_
};

}  // namespace flatvm::quota
