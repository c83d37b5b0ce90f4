#include "daemon/quota_worker/disk_copy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "storage/disk_run.h"
#include "storage/extent_copy.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/used_blocks.h"

namespace flatvm::quota_worker {
namespace {

// What is not copied at the end of `disk` is a hole at the end of `file`.
absl::Status Lengthen(int file, int disk) {
  struct stat want {};
  struct stat have {};
  if (::fstat(disk, &want) != 0 || ::fstat(file, &have) != 0) {
    return base::ErrnoError(errno, "stat a quota disk");
  }
  if (have.st_size >= want.st_size || ::ftruncate(file, want.st_size) == 0) {
    return absl::OkStatus();
  }
  return base::ErrnoError(errno, "ftruncate of a new quota disk");
}

}  // namespace

absl::Status CopyUsedBlocks(int disk, const std::vector<storage::Extent>& except, int new_disk) {
  FLATVM_ASSIGN_OR_RETURN(const extfs::Filesystem fs,
                          extfs::Filesystem::Open(disk, extfs::Access::kRead));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<storage::Extent> used, extfs::UsedExtents(fs, except));
  std::vector<storage::DiskRun> runs;
  runs.reserve(used.size());
  for (const storage::Extent& extent : used) runs.push_back({extent.disk_offset, extent.length});
  FLATVM_RETURN_IF_ERROR(storage::CopyRuns(disk, runs, new_disk, storage::CopyMeans::kKernel));
  return Lengthen(new_disk, disk);
}

}  // namespace flatvm::quota_worker
