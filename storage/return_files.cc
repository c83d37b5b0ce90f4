#include "storage/return_files.h"

#include <fcntl.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "storage/extent_fill.h"
#include "storage/path_ids.h"
#include "storage/sparse_copy.h"
#include "storage/tenant_tree.h"

namespace flatvm::storage {
namespace {

// One way back: what it is made of, and who reads it.
struct Entry {
  base::UniqueFd tenant;
  TenantFile disk;
  TenantFile image;
  std::unique_ptr<ImageReturn> worker;
};

absl::StatusOr<uint64_t> DataBytes(const TenantFile& image) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<DiskRun> runs, FindData(image.fd.get(), image.bytes));
  uint64_t bytes = 0;
  for (const DiskRun& run : runs) bytes += run.length;
  return bytes;
}

absl::StatusOr<Entry> Begin(const std::string& tenants_directory, const ReturnOrder& order,
                            QuotaWorker& worker, const base::Steps& steps) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(order.tenant, order.volume_id));
  Entry entry;
  FLATVM_ASSIGN_OR_RETURN(entry.tenant, OpenTenantDirectory(tenants_directory, order.tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd volumes,
                          EnsureVolumesDirectory(tenants_directory, order.tenant));
  FLATVM_ASSIGN_OR_RETURN(entry.disk, OpenTenantFile(entry.tenant.get(), kQuotaDiskName, O_RDONLY));
  FLATVM_ASSIGN_OR_RETURN(entry.image,
                          OpenTenantFile(volumes.get(), VolumeFileName(order.volume_id), O_RDONLY));
  if (entry.disk.bytes > order.new_disk_mib * base::kMebibyte) {
    return base::InternalError("a quota disk is to become smaller by what goes back onto it");
  }
  FLATVM_ASSIGN_OR_RETURN(const uint64_t data_bytes, DataBytes(entry.image));
  FLATVM_ASSIGN_OR_RETURN(entry.worker,
                          worker.BeginReturn(order.tenant, entry.disk.fd.get(), order.path));
  steps.Pass("back.worker");
  FLATVM_RETURN_IF_ERROR(entry.worker->Check(data_bytes, order.new_disk_mib));
  steps.Pass("back.found");
  return entry;
}

}  // namespace

absl::Status ReturnFiles::CheckReturn(const ReturnOrder& order) {
  return Begin(tenants_directory_, order, worker_, steps_).status();
}

absl::Status ReturnFiles::Insert(const ReturnOrder& order) {
  FLATVM_ASSIGN_OR_RETURN(Entry entry, Begin(tenants_directory_, order, worker_, steps_));
  const uint64_t new_disk_bytes = order.new_disk_mib * base::kMebibyte;
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd new_disk,
                          MakeTenantFile(entry.tenant.get(), kFreshQuotaDiskName));
  FLATVM_ASSIGN_OR_RETURN(const Sharing sharing, ShareBlocks(entry.disk.fd.get(), new_disk.get()));
  FLATVM_RETURN_IF_ERROR(SetLength(new_disk.get(), new_disk_bytes));
  steps_.Pass("back.files");
  FLATVM_RETURN_IF_ERROR(
      entry.worker->Put(sharing == Sharing::kShared ? ImageWay::kShare : ImageWay::kCopy,
                        entry.image.fd.get(), new_disk.get(), order.new_disk_mib));
  entry.worker.reset();  // nobody else can write to it from here on
  steps_.Pass("back.made");
  FLATVM_RETURN_IF_ERROR(SetLength(new_disk.get(), new_disk_bytes));
  FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(entry.tenant.get()));
  steps_.Pass("back.synced");
  return absl::OkStatus();
}

absl::StatusOr<SwappedBack> ReturnFiles::SwapBack(const std::string& tenant,
                                                  const std::string& volume_id,
                                                  uint32_t new_disk_mib) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          OpenTenantDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd volumes,
                          EnsureVolumesDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const bool fresh, HasName(directory.get(), kFreshQuotaDiskName));
  if (fresh) {
    FLATVM_RETURN_IF_ERROR(
        RenameDurably(directory.get(), kFreshQuotaDiskName, directory.get(), kQuotaDiskName));
    steps_.Pass("back.swapped");
  }
  // The volume's file is the only place where the image is, unless the disk is the new one.
  FLATVM_ASSIGN_OR_RETURN(const TenantFile disk,
                          OpenTenantFile(directory.get(), kQuotaDiskName, O_RDONLY));
  if (disk.bytes != new_disk_mib * base::kMebibyte) return SwappedBack::kNothingMade;
  FLATVM_RETURN_IF_ERROR(RemoveName(volumes.get(), VolumeFileName(volume_id)));
  FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(volumes.get()));
  steps_.Pass("back.removed");
  return SwappedBack::kDone;
}

}  // namespace flatvm::storage
