// flatvmd's end of the link to one import's worker.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "flatvm/internal/import_job.pb.h"
#include "storage/import_worker.h"

namespace flatvm::imports {

// Thread-compatible; every call waits for the worker's answer. Errors: as the port's.
class WorkerSession final : public storage::ImportSession {
 public:
  // `link` is a packet socket whose other end the worker has. `timeout` is for each answer but the
  // digest's.
  WorkerSession(base::UniqueFd link, std::chrono::milliseconds timeout)
      : link_(std::move(link)), timeout_(timeout) {}

  // Before all others: gives the worker the file, open for reading and writing.
  absl::Status Open(int file, uint64_t size_bytes);

  absl::Status Write(const storage::ImageChunk& chunk) override;
  absl::StatusOr<std::string> Digest(std::chrono::milliseconds timeout) override;

 private:
  static constexpr int kNoFile = -1;

  // Sends a packet and waits for its answer.
  absl::Status Ask(const internal::ToImportWorker& message, int file);
  absl::Status Send(const internal::ToImportWorker& message, int file);
  absl::StatusOr<internal::FromImportWorker> Await(std::chrono::milliseconds timeout);

  const base::UniqueFd link_;
  const std::chrono::milliseconds timeout_;
  bool digesting_ = false;
};

}  // namespace flatvm::imports
