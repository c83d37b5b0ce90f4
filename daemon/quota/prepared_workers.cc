#include "daemon/quota/prepared_workers.h"

#include <utility>

namespace flatvm::quota {

class PreparedWorkers::Preparation final : public storage::PreparedWorker {
 public:
  Preparation(PreparedWorkers& owner, std::string tenant)
      : owner_(owner), tenant_(std::move(tenant)) {}
  Preparation(const Preparation&) = delete;
  Preparation& operator=(const Preparation&) = delete;
  ~Preparation() override { (void)owner_.Take(tenant_); }

 private:
  PreparedWorkers& owner_;
  const std::string tenant_;
};

std::unique_ptr<storage::PreparedWorker> PreparedWorkers::Prepare(
    const std::string& tenant, std::function<StartedWorker()> start) {
  (void)Take(tenant);
  std::future<StartedWorker> worker = std::async(std::launch::async, std::move(start));
  {
    const std::lock_guard lock(mutex_);
    workers_.insert_or_assign(tenant, std::move(worker));
  }
  return std::make_unique<Preparation>(*this, tenant);
}

std::unique_ptr<WorkerLink> PreparedWorkers::Take(const std::string& tenant) {
  std::future<StartedWorker> worker;
  {
    const std::lock_guard lock(mutex_);
    const auto found = workers_.find(tenant);
    if (found == workers_.end()) return nullptr;
    worker = std::move(found->second);
    workers_.erase(found);
  }
  StartedWorker started = worker.get();
  return started.ok() ? *std::move(started) : nullptr;
}

}  // namespace flatvm::quota
