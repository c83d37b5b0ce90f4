#include "storage/quota_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <optional>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "storage/extent_check.h"
#include "storage/extent_copy.h"
#include "storage/extent_fill.h"
#include "storage/in_place.h"
#include "storage/in_place_text.h"
#include "storage/path_ids.h"
#include "storage/sparse_copy.h"
#include "storage/tenant_tree.h"

namespace flatvm::storage {
namespace {

// e2fsprogs make no smaller ext4 with a journal.
constexpr uint64_t kMinDiskMib = 8;

uint64_t BytesOf(uint64_t size_mib) { return size_mib * base::kMebibyte; }
uint64_t MibOf(uint64_t bytes) { return (bytes + base::kMebibyte - 1) / base::kMebibyte; }

// What is left of a disk without an image. Errors: FAILED_PRECONDITION / kQuotaDiskFull.
absl::StatusOr<uint32_t> SizeWithout(uint64_t image_bytes, uint32_t disk_mib) {
  const uint64_t image_mib = MibOf(image_bytes);
  if (image_mib + kMinDiskMib <= disk_mib) return static_cast<uint32_t>(disk_mib - image_mib);
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskFull,
      base::StrCat("the image has ", image_mib, " MiB of the quota disk's ", disk_mib,
                   ", which cannot become smaller than ", kMinDiskMib, " MiB"));
}

absl::Status Sync(int image) {
  if (::fsync(image) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "fsync of an image");
}

// `image`: -1 if it is cut out of the disk.
absl::Status CheckMade(int image, const FoundImage& found, int new_disk, uint32_t new_disk_mib) {
  if (image >= 0) {
    if (::lseek(image, 0, SEEK_END) != static_cast<off_t>(found.image_bytes)) {
      return base::InternalError("the quota worker made an image of another length");
    }
    FLATVM_RETURN_IF_ERROR(Sync(image));
  }
  // The filesystem has so much; what may be behind it is nothing.
  return SetLength(new_disk, BytesOf(new_disk_mib));
}

// What does not come into its place when the disk is cut is kept in a file of its own: sparse, with
// the image's offsets.
absl::Status KeepStrays(int disk, const std::vector<Extent>& strays, uint64_t image_bytes,
                        int volumes, const std::string& volume_id) {
  if (strays.empty()) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd file,
                          MakeTenantFile(volumes, StraysFileName(volume_id)));
  FLATVM_RETURN_IF_ERROR(CopyExtents(disk, strays, file.get(), image_bytes, CopyMeans::kKernel));
  return Sync(file.get());
}

// Into the image that was cut.
absl::Status FillIn(const TenantFile& strays, int image) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<DiskRun> runs, FindData(strays.fd.get(), strays.bytes));
  FLATVM_RETURN_IF_ERROR(CopyRuns(strays.fd.get(), runs, image, CopyMeans::kKernel));
  return Sync(image);
}

// Once the image has them.
absl::Status RemoveStrays(int volumes, const std::string& volume_id) {
  const std::string name = StraysFileName(volume_id);
  FLATVM_ASSIGN_OR_RETURN(const bool there, HasName(volumes, name));
  if (!there) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(RemoveName(volumes, name));
  return SyncOpenDirectory(volumes);
}

}  // namespace

std::string QuotaFiles::QuotaDiskPath(const std::string& tenant) const {
  if (!CheckTenant(tenant).ok()) return "";
  return base::StrCat(tenants_directory_, "/", tenant, "/", kQuotaDiskName);
}

absl::Status QuotaFiles::EnsureQuotaDisk(const std::string& tenant, uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          OpenTenantDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const bool there, HasName(directory.get(), kQuotaDiskName));
  // Beside it there may be one that a crash left of a move that was not decided yet.
  if (there) return RemoveName(directory.get(), kFreshQuotaDiskName);
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd disk,
                          MakeTenantFile(directory.get(), kFreshQuotaDiskName));
  absl::Status status = SetLength(disk.get(), BytesOf(size_mib));
  if (status.ok()) status = worker_.Format(tenant, disk.get());
  if (status.ok()) status = SetLength(disk.get(), BytesOf(size_mib));
  if (status.ok())
    status = RenameDurably(directory.get(), kFreshQuotaDiskName, directory.get(), kQuotaDiskName);
  if (!status.ok()) (void)RemoveName(directory.get(), kFreshQuotaDiskName);
  return status;
}

absl::Status QuotaFiles::GrowQuotaDisk(const std::string& tenant, uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          OpenTenantDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const TenantFile disk,
                          OpenTenantFile(directory.get(), kQuotaDiskName, O_RDWR));
  if (disk.bytes == BytesOf(size_mib)) return absl::OkStatus();
  if (disk.bytes < BytesOf(size_mib)) return SetLength(disk.fd.get(), BytesOf(size_mib));
  return base::InternalError(base::StrCat("the quota disk of tenant ", tenant, " has ", disk.bytes,
                                          " bytes, more than ", size_mib, " MiB"));
}

absl::Status QuotaFiles::RemoveQuotaDisk(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindTenantDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(RemoveName(directory.get(), kFreshQuotaDiskName));
  FLATVM_RETURN_IF_ERROR(RemoveName(directory.get(), kQuotaDiskName));
  return SyncOpenDirectory(directory.get());
}

// One extraction's files.
struct QuotaFiles::Move {
  base::UniqueFd tenant;
  base::UniqueFd volumes;
  TenantFile disk;
  TenantFile readable;  // the same
  base::UniqueFd new_disk;
  Sharing sharing = Sharing::kUnsupported;
  base::UniqueFd image;  // invalid: it is cut out of the disk

  absl::Status MakeNewDisk() {
    FLATVM_ASSIGN_OR_RETURN(new_disk, MakeTenantFile(tenant.get(), kFreshQuotaDiskName));
    FLATVM_ASSIGN_OR_RETURN(sharing, ShareBlocks(readable.fd.get(), new_disk.get()));
    return absl::OkStatus();
  }
};

absl::StatusOr<QuotaFiles::Move> QuotaFiles::OpenMove(const ExtractOrder& order) const {
  FLATVM_RETURN_IF_ERROR(CheckVolume(order.tenant, order.volume_id));
  Move move;
  FLATVM_ASSIGN_OR_RETURN(move.tenant, OpenTenantDirectory(tenants_directory_, order.tenant));
  FLATVM_ASSIGN_OR_RETURN(move.volumes, EnsureVolumesDirectory(tenants_directory_, order.tenant));
  // For writing, as a disk that is cut must be; nothing is written here.
  FLATVM_ASSIGN_OR_RETURN(move.disk, OpenTenantFile(move.tenant.get(), kQuotaDiskName, O_RDWR));
  FLATVM_ASSIGN_OR_RETURN(move.readable,
                          OpenTenantFile(move.tenant.get(), kQuotaDiskName, O_RDONLY));
  return move;
}

absl::StatusOr<Extracted> QuotaFiles::Extract(const ExtractOrder& order) {
  FLATVM_ASSIGN_OR_RETURN(Move move, OpenMove(order));
  return Extract(order, std::move(move));
}

absl::StatusOr<std::optional<EarlyExtraction>> QuotaFiles::ExtractEarly(const ExtractOrder& order) {
  FLATVM_ASSIGN_OR_RETURN(Move move, OpenMove(order));
  FLATVM_ASSIGN_OR_RETURN(const std::optional<DiskStamp> stamp,
                          ReadSettledStamp(move.readable.fd.get()));
  if (!stamp.has_value()) return std::optional<EarlyExtraction>();
  FLATVM_RETURN_IF_ERROR(move.MakeNewDisk());
  if (move.sharing == Sharing::kUnsupported) {
    FLATVM_RETURN_IF_ERROR(RemoveName(move.tenant.get(), kFreshQuotaDiskName));
    return std::optional<EarlyExtraction>();
  }
  return std::optional<EarlyExtraction>(
      EarlyExtraction{.result = Extract(order, std::move(move)), .disk = *stamp});
}

absl::StatusOr<bool> QuotaFiles::IsUnchanged(const std::string& tenant, const DiskStamp& before) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          OpenTenantDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const TenantFile disk,
                          OpenTenantFile(directory.get(), kQuotaDiskName, O_RDONLY));
  FLATVM_ASSIGN_OR_RETURN(const DiskStamp now, ReadStamp(disk.fd.get()));
  return now == before;
}

absl::StatusOr<Extracted> QuotaFiles::Extract(const ExtractOrder& order, Move move) {
  FLATVM_ASSIGN_OR_RETURN(std::unique_ptr<ImageExtraction> extraction,
                          worker_.Begin(order.tenant, move.readable.fd.get(), order.path));
  steps_.Pass("out.worker");
  FLATVM_ASSIGN_OR_RETURN(const FoundImage found, extraction->Find());
  // A reader of what a guest wrote is believed in nothing.
  FLATVM_RETURN_IF_ERROR(
      base::WithContext(CheckExtents(found.extents, found.image_bytes, move.disk.bytes),
                        "the quota worker's answer"));
  FLATVM_ASSIGN_OR_RETURN(const uint32_t new_disk_mib,
                          SizeWithout(found.image_bytes, order.quota_disk_mib));
  steps_.Pass("out.found");

  if (!move.new_disk.valid()) FLATVM_RETURN_IF_ERROR(move.MakeNewDisk());
  std::optional<InPlaceWay> in_place;
  if (move.sharing == Sharing::kUnsupported) {
    FLATVM_ASSIGN_OR_RETURN(in_place, PlanInPlace(move.disk.fd.get(), move.tenant.get(),
                                                  found.extents, found.image_bytes));
  }
  if (!in_place.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(
        move.image, MakeTenantFile(move.volumes.get(), FreshVolumeFileName(order.volume_id)));
  }
  steps_.Pass("out.files");
  const ImageWay way = in_place.has_value()               ? ImageWay::kLeave
                       : move.sharing == Sharing::kShared ? ImageWay::kShare
                                                          : ImageWay::kCopy;
  FLATVM_RETURN_IF_ERROR(
      extraction->Take(way, move.image.valid() ? move.image.get() : move.new_disk.get(),
                       move.new_disk.get(), new_disk_mib));
  extraction.reset();  // nobody else can write to the files from here on
  if (in_place.has_value()) {
    FLATVM_RETURN_IF_ERROR(KeepStrays(move.disk.fd.get(), in_place->strays, found.image_bytes,
                                      move.volumes.get(), order.volume_id));
  }
  steps_.Pass("out.made");
  FLATVM_RETURN_IF_ERROR(CheckMade(move.image.get(), found, move.new_disk.get(), new_disk_mib));
  FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(move.tenant.get()));
  FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(move.volumes.get()));
  steps_.Pass("out.synced");
  return Extracted{.image_bytes = found.image_bytes,
                   .cuts = in_place.has_value() ? FormatInPlacePlan(in_place->plan) : ""};
}

absl::Status QuotaFiles::Swap(const std::string& tenant, const std::string& volume_id,
                              const Extracted& extracted) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          OpenTenantDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd volumes,
                          EnsureVolumesDirectory(tenants_directory_, tenant));
  const std::string fresh = FreshVolumeFileName(volume_id);
  FLATVM_ASSIGN_OR_RETURN(const bool has_fresh_disk, HasName(directory.get(), kFreshQuotaDiskName));
  FLATVM_ASSIGN_OR_RETURN(bool has_fresh_image, HasName(volumes.get(), fresh));
  // As long as the new disk is not in its place, the old one is still there or is the image to be.
  if (has_fresh_disk) {
    if (!has_fresh_image) {
      if (extracted.cuts.empty()) return base::InternalError("an image is not there");
      FLATVM_RETURN_IF_ERROR(RenameDurably(directory.get(), kQuotaDiskName, volumes.get(), fresh));
      steps_.Pass("out.disk-moved");
      has_fresh_image = true;
    }
    FLATVM_RETURN_IF_ERROR(
        RenameDurably(directory.get(), kFreshQuotaDiskName, directory.get(), kQuotaDiskName));
    steps_.Pass("out.swapped");
  }
  if (!has_fresh_image) return RemoveStrays(volumes.get(), volume_id);
  if (!extracted.cuts.empty()) {
    FLATVM_ASSIGN_OR_RETURN(const InPlacePlan plan, ParseInPlacePlan(extracted.cuts));
    FLATVM_ASSIGN_OR_RETURN(const TenantFile image, OpenTenantFile(volumes.get(), fresh, O_RDWR));
    FLATVM_RETURN_IF_ERROR(
        FinishInPlace(image.fd.get(), plan, [this] { steps_.Pass("out.cutting"); }));
    steps_.Pass("out.cut");
    FLATVM_ASSIGN_OR_RETURN(const TenantFile strays,
                            FindTenantFile(volumes.get(), StraysFileName(volume_id), O_RDONLY));
    if (strays.fd.valid()) FLATVM_RETURN_IF_ERROR(FillIn(strays, image.fd.get()));
  }
  FLATVM_RETURN_IF_ERROR(
      RenameDurably(volumes.get(), fresh, volumes.get(), VolumeFileName(volume_id)));
  steps_.Pass("out.named");
  return RemoveStrays(volumes.get(), volume_id);
}

absl::Status QuotaFiles::Discard(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindTenantDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(RemoveName(directory.get(), kFreshQuotaDiskName));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd volumes,
                          FindVolumesDirectory(tenants_directory_, tenant));
  if (!volumes.valid()) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(RemoveName(volumes.get(), StraysFileName(volume_id)));
  return RemoveName(volumes.get(), FreshVolumeFileName(volume_id));
}

}  // namespace flatvm::storage
