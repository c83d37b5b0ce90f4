// One import, from flatvmd's first packet to the digest. What comes from flatvmd is believed; the
// bytes for the image are a guest's, and only carried.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "daemon/import_worker/import_file.h"
#include "flatvm/internal/import_job.pb.h"

namespace flatvm::import_worker {

// Thread-compatible.
class Job {
 public:
  // `link` is a packet socket (base::MakePacketPair). `patience` is for flatvmd's next packet.
  Job(base::UniqueFd link, std::chrono::milliseconds patience)
      : link_(std::move(link)), patience_(patience) {}

  // OK when the digest was answered, when flatvmd closed the link, or when nothing came for as long
  // as patience lasts. Errors: INTERNAL: the link broke, or flatvmd said what was not its turn.
  // Blocks.
  absl::Status Run();

 private:
  struct Order {
    internal::ToImportWorker message;
    base::UniqueFd file;
  };

  // nullopt: there is no more to come.
  absl::StatusOr<std::optional<Order>> Receive();
  absl::StatusOr<internal::FromImportWorker> Carry(Order order);
  absl::Status Answer(const internal::FromImportWorker& answer);

  const base::UniqueFd link_;
  const std::chrono::milliseconds patience_;
  std::optional<ImportFile> file_;
};

}  // namespace flatvm::import_worker
