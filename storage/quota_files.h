// QuotaDisks as sparse raw files, <tenants directory>/<tenant>/quota.raw. What is on one, a worker
// reads; here are only names, lengths and whose blocks are whose.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/steps.h"
#include "daemon/base/unique_fd.h"
#include "storage/quota_disks.h"
#include "storage/quota_worker.h"

namespace flatvm::storage {

// Immutable, hence thread-safe for different tenants. What Extract makes is called "quota.raw.new"
// and "volumes/<id>.raw.new" until Swap; where the image is the old disk's blocks, the latter comes
// to be in Swap, of the old disk.
class QuotaFiles final : public QuotaDisks {
 public:
  // `tenants_directory` is absolute; a tenant's own must be there, and its slice where a worker is
  // needed: for EnsureQuotaDisk and Extract.
  QuotaFiles(std::string tenants_directory, QuotaWorker& worker, base::Steps steps = {})
      : tenants_directory_(std::move(tenants_directory)),
        worker_(worker),
        steps_(std::move(steps)) {}

  std::string QuotaDiskPath(const std::string& tenant) const override;
  absl::Status EnsureQuotaDisk(const std::string& tenant, uint32_t size_mib) override;
  absl::Status GrowQuotaDisk(const std::string& tenant, uint32_t size_mib) override;
  absl::Status RemoveQuotaDisk(const std::string& tenant) override;
  std::unique_ptr<PreparedWorker> Prepare(const std::string& tenant) override {
    return worker_.Prepare(tenant);
  }
  void KeepReady(const std::string& tenant) override { worker_.KeepReady(tenant); }
  void Dismiss(const std::string& tenant) override { worker_.Dismiss(tenant); }
  absl::StatusOr<Extracted> Extract(const ExtractOrder& order) override;
  absl::StatusOr<std::optional<EarlyExtraction>> ExtractEarly(const ExtractOrder& order) override;
  absl::StatusOr<bool> IsUnchanged(const std::string& tenant, const DiskStamp& before) override;
  absl::Status Swap(const std::string& tenant, const std::string& volume_id,
                    const Extracted& extracted) override;
  absl::Status Discard(const std::string& tenant, const std::string& volume_id) override;

 private:
  struct Move;

  absl::StatusOr<Move> OpenMove(const ExtractOrder& order) const;
  absl::StatusOr<Extracted> Extract(const ExtractOrder& order, Move move);

  const std::string tenants_directory_;
  QuotaWorker& worker_;
  const base::Steps steps_;
};

}  // namespace flatvm::storage
