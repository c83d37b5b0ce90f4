// flatvmd's end of the link to one quota worker, and the worker's unit with it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/base/unique_fd.h"
#include "daemon/quota/worker_unit.h"
#include "daemon/systemd/bus.h"
#include "flatvm/internal/quota_job.pb.h"

namespace flatvm::quota {

// Stops the unit when it goes. Thread-compatible; every call but IsReady blocks.
class WorkerLink {
 public:
  // Starts it, on a link of its own; one of the same tenant's that is there is stopped first.
  static absl::StatusOr<std::unique_ptr<WorkerLink>> Start(const systemd::BusOpener& open_bus,
                                                           WorkerUnit unit,
                                                           std::chrono::milliseconds timeout,
                                                           base::Logger& log);
  WorkerLink(const WorkerLink&) = delete;
  WorkerLink& operator=(const WorkerLink&) = delete;
  ~WorkerLink();

  // Makes the worker's user the owner of an open file, and root again.
  absl::Status Lend(int file) const;
  absl::Status TakeBack(int file) const;

  // That it waits for its first packet, and will for minutes.
  bool IsReady() const;

  // Errors: UNAVAILABLE.
  absl::Status Send(const internal::ToQuotaWorker& message, int file);
  // One answer. Errors: the worker's own, cleaned; UNAVAILABLE if it is gone or breaks the rules;
  // DEADLINE_EXCEEDED / kStageTimedOut.
  absl::StatusOr<internal::FromQuotaWorker> Receive();

 private:
  WorkerLink(systemd::BusOpener open_bus, std::string tenant, std::chrono::milliseconds timeout,
             base::Logger& log)
      : open_bus_(std::move(open_bus)), tenant_(std::move(tenant)), timeout_(timeout), log_(log) {}

  absl::Status EnsureBus();

  const systemd::BusOpener open_bus_;
  const std::string tenant_;
  const std::chrono::milliseconds timeout_;
  base::Logger& log_;
  std::chrono::steady_clock::time_point started_at_;
  std::unique_ptr<systemd::Bus> bus_;  // for the stop; null until there is a job
  base::UniqueFd socket_;
  uint32_t user_ = 0;
};

// A worker's answer as a status: OK, or an error that a job may have.
absl::Status StatusOf(const internal::FromQuotaWorker& answer);

}  // namespace flatvm::quota
