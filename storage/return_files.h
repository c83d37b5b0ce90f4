// ImageReturns beside quota_files.h: what is on a disk, a worker writes; here are only names,
// lengths and whose blocks are whose.
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "daemon/base/steps.h"
#include "storage/image_returns.h"
#include "storage/quota_worker.h"

namespace flatvm::storage {

// Immutable, hence thread-safe for different tenants. What Insert makes is called "quota.raw.new"
// until SwapBack; the volume's file is only read before that.
class ReturnFiles final : public ImageReturns {
 public:
  // As QuotaFiles.
  ReturnFiles(std::string tenants_directory, QuotaWorker& worker, base::Steps steps = {})
      : tenants_directory_(std::move(tenants_directory)),
        worker_(worker),
        steps_(std::move(steps)) {}

  absl::Status CheckReturn(const ReturnOrder& order) override;
  absl::Status Insert(const ReturnOrder& order) override;
  absl::StatusOr<SwappedBack> SwapBack(const std::string& tenant, const std::string& volume_id,
                                       uint32_t new_disk_mib) override;

 private:
  const std::string tenants_directory_;
  QuotaWorker& worker_;
  const base::Steps steps_;
};

}  // namespace flatvm::storage
