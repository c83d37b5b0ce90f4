#include "daemon/quota_worker/explain_failure.h"

#include <unistd.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/quota_worker/disk_copy.h"
#include "storage/sparse_copy.h"

namespace flatvm::quota_worker {
namespace {

absl::Status Copy(const CheckedDisk& checked) {
  if (::ftruncate(checked.copy, 0) != 0) return base::ErrnoError(errno, "ftruncate");
  FLATVM_ASSIGN_OR_RETURN(const storage::Sharing sharing,
                          storage::ShareBlocks(checked.disk, checked.copy));
  if (sharing == storage::Sharing::kShared) return absl::OkStatus();
  return CopyUsedBlocks(checked.disk, checked.except, checked.copy);
}

}  // namespace

absl::Status ExplainFailure(const absl::Status& failure, const CheckedDisk& checked,
                            const Ext4Tools& tools) {
  const absl::Status copied = Copy(checked);
  if (absl::IsInternal(copied)) return failure;
  if (!copied.ok()) return copied;
  if (!absl::IsInternal(tools.Check(checked.copy))) return failure;
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskUnusable,
      "the quota disk's filesystem is damaged; check it in the primary with e2fsck -f");
}

}  // namespace flatvm::quota_worker
