// QuotaWorker as a transient service of systemd in the tenant's slice, one for each job.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "daemon/base/log.h"
#include "daemon/quota/prepared_workers.h"
#include "daemon/systemd/bus.h"
#include "storage/quota_worker.h"

namespace flatvm::quota {

struct QuotaWorkerOptions {
  std::string program = "/usr/libexec/flatvm/flatvm-quota";
  std::chrono::milliseconds job_timeout{600'000};  // for each answer
  std::chrono::milliseconds ready_after{2'000};    // a primary has its disk back by then
  systemd::BusOpener open_bus;                     // empty: the system bus
  std::string stop_at;                             // WorkerUnit's
};

// Thread-safe. A worker that an earlier flatvmd left is stopped before a new one
// starts. What a worker answers is believed no more than what a guest says: codes and reasons that
// are none of a job's become INTERNAL, texts are escaped. Errors: as the port says;
// UNAVAILABLE / kServiceManagerUnavailable.
class SystemdQuotaWorker final : public storage::QuotaWorker {
 public:
  SystemdQuotaWorker(QuotaWorkerOptions options, base::Logger& log)
      : options_(std::move(options)), log_(log) {}

  std::unique_ptr<storage::PreparedWorker> Prepare(const std::string& tenant) override;
  void KeepReady(const std::string& tenant) override;
  void Dismiss(const std::string& tenant) override { prepared_.End(tenant); }
  absl::Status Format(const std::string& tenant, int disk) override;
  absl::StatusOr<std::unique_ptr<storage::ImageExtraction>> Begin(const std::string& tenant,
                                                                  int disk,
                                                                  const std::string& path) override;
  absl::StatusOr<std::unique_ptr<storage::ImageReturn>> BeginReturn(
      const std::string& tenant, int disk, const std::string& path) override;

 private:
  StartedWorker StartWorker(const std::string& tenant) const;
  // One that was prepared, or a new one.
  StartedWorker TakeWorker(const std::string& tenant);

  const QuotaWorkerOptions options_;
  base::Logger& log_;
  PreparedWorkers prepared_;
};

}  // namespace flatvm::quota
