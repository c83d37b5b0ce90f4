// A worker's one job, from flatvmd's first packet to the last answer. What comes from flatvmd is
// believed; what is on the disk is not.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/packet_socket.h"
#include "daemon/base/steps.h"
#include "daemon/base/unique_fd.h"
#include "daemon/quota_worker/ext4_tools.h"
#include "flatvm/internal/quota_job.pb.h"

namespace flatvm::quota_worker {

// Thread-compatible.
class Job {
 public:
  // `link` is a packet socket (base::MakePacketPair). `patience` is for flatvmd's next packet.
  Job(base::UniqueFd link, Ext4Tools tools, std::chrono::milliseconds patience,
      base::Steps steps = {})
      : link_(std::move(link)), tools_(tools), patience_(patience), steps_(std::move(steps)) {}

  // OK when the job was answered, be it with an error, when flatvmd closed the link, or gave no job
  // for as long as the patience lasts. Errors: INTERNAL: the link broke, or flatvmd said what this
  // version does not know. DEADLINE_EXCEEDED: it said nothing in the midst of a job. Blocks.
  absl::Status Run();

 private:
  struct Order {
    internal::ToQuotaWorker message;
    base::UniqueFd file;
  };

  // CANCELLED: flatvmd closed the link. DEADLINE_EXCEEDED: the patience is over.
  absl::StatusOr<Order> Receive();
  absl::Status Answer(const internal::FromQuotaWorker& answer);
  absl::Status Answer(const absl::Status& status);

  absl::Status Extract(const std::string& path, int disk);
  absl::Status Return(const internal::FindPlace& place, int disk);

  const base::UniqueFd link_;
  const Ext4Tools tools_;
  const std::chrono::milliseconds patience_;
  const base::Steps steps_;
};

}  // namespace flatvm::quota_worker
