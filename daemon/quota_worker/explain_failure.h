// Whose fault it is that a new disk cannot be made of an old one. The old one is not checked
// before: that takes as long as the check of the new one, which finds the same.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "daemon/quota_worker/ext4_tools.h"
#include "storage/extent.h"

namespace flatvm::quota_worker {

struct CheckedDisk {
  int disk = -1;                        // open for reading
  std::vector<storage::Extent> except;  // data of it that no check looks at
  int copy = -1;                        // as Ext4Tools wants it; loses what it has
};

// FAILED_PRECONDITION / kQuotaDiskUnusable if the disk's filesystem has been damaged before; else
// `failure`. Blocks.
absl::Status ExplainFailure(const absl::Status& failure, const CheckedDisk& checked,
                            const Ext4Tools& tools);

}  // namespace flatvm::quota_worker
