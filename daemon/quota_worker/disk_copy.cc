#include "daemon/quota_worker/disk_copy.h"

#include "daemon/base/error.h"
#include "storage/disk_run.h"
#include "storage/extent_copy.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/used_blocks.h"

namespace flatvm::quota_worker {

absl::Status CopyUsedBlocks(int disk, const std::vector<storage::Extent>& except, int new_disk) {
  FLATVM_ASSIGN_OR_RETURN(const extfs::Filesystem fs,
                          extfs::Filesystem::Open(disk, extfs::Access::kRead));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<storage::Extent> used, extfs::UsedExtents(fs, except));
  std::vector<storage::DiskRun> runs;
  runs.reserve(used.size());
  for (const storage::Extent& extent : used) runs.push_back({extent.disk_offset, extent.length});
  return storage::CopyRuns(disk, runs, new_disk, storage::CopyMeans::kKernel);
}

}  // namespace flatvm::quota_worker
