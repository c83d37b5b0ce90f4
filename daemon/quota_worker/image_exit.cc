#include "daemon/quota_worker/image_exit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/quota_worker/disk_copy.h"
#include "daemon/quota_worker/explain_failure.h"
#include "storage/extent_copy.h"
#include "storage/extfs/filesystem.h"

namespace flatvm::quota_worker {
namespace {

constexpr std::string_view kQcow2Magic = "QFI\xfb";

absl::StatusOr<uint64_t> LengthOf(int file) {
  struct stat found {};
  if (::fstat(file, &found) != 0) return base::ErrnoError(errno, "fstat");
  return static_cast<uint64_t>(found.st_size);
}

absl::Status MoveBytes(const ImageExit& exit, const extfs::Image& found) {
  if (exit.way == ImageWay::kLeave) return absl::OkStatus();
  if (exit.way == ImageWay::kShare) {
    FLATVM_ASSIGN_OR_RETURN(
        const storage::Sharing sharing,
        storage::ShareExtents(exit.disk, found.extents, exit.image, found.bytes));
    if (sharing == storage::Sharing::kShared) return absl::OkStatus();
  }
  return storage::CopyExtents(exit.disk, found.extents, exit.image, found.bytes,
                              storage::CopyMeans::kKernel);
}

// All but the image's data: its blocks are free when it is removed.
absl::Status FillNewDisk(const ImageExit& exit, const extfs::Image& found) {
  if (exit.way == ImageWay::kShare) return absl::OkStatus();
  return CopyUsedBlocks(exit.disk, found.extents, exit.new_disk);
}

absl::Status RemoveFromNewDisk(const ImageExit& exit) {
  FLATVM_ASSIGN_OR_RETURN(extfs::Filesystem fs,
                          extfs::Filesystem::Open(exit.new_disk, extfs::Access::kReadWrite));
  FLATVM_ASSIGN_OR_RETURN(const uint64_t bytes, LengthOf(exit.new_disk));
  FLATVM_ASSIGN_OR_RETURN(const extfs::Image image, extfs::FindImage(fs, exit.path, bytes));
  FLATVM_RETURN_IF_ERROR(extfs::RemoveImage(&fs, image));
  fs.SetChecked();
  return fs.Commit();
}

absl::Status Sync(int file) {
  return ::fsync(file) == 0 ? absl::OkStatus() : base::ErrnoError(errno, "fsync");
}

absl::Status MakeBoth(const ImageExit& exit, const extfs::Image& found, const Ext4Tools& tools,
                      const base::Steps& steps) {
  FLATVM_RETURN_IF_ERROR(FillNewDisk(exit, found));
  steps.Pass("worker.out.filled");
  FLATVM_RETURN_IF_ERROR(MoveBytes(exit, found));
  steps.Pass("worker.out.moved");
  FLATVM_RETURN_IF_ERROR(RemoveFromNewDisk(exit));
  steps.Pass("worker.out.removed");
  FLATVM_RETURN_IF_ERROR(tools.Shrink(exit.new_disk, exit.new_disk_mib));
  steps.Pass("worker.out.shrunk");
  FLATVM_RETURN_IF_ERROR(tools.Check(exit.new_disk));
  steps.Pass("worker.out.verified");
  if (exit.way != ImageWay::kLeave) FLATVM_RETURN_IF_ERROR(Sync(exit.image));
  FLATVM_RETURN_IF_ERROR(Sync(exit.new_disk));
  steps.Pass("worker.out.synced");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<extfs::Image> FindRawImage(int disk, const std::string& path) {
  FLATVM_ASSIGN_OR_RETURN(const extfs::Filesystem fs,
                          extfs::Filesystem::Open(disk, extfs::Access::kRead));
  FLATVM_ASSIGN_OR_RETURN(const uint64_t bytes, LengthOf(disk));
  absl::StatusOr<extfs::Image> image = extfs::FindImage(fs, path, bytes);
  if (base::GetErrorInfo(image.status()).reason == base::Reason::kImageUnusable) {
    return base::WithContext(image.status(), "the image");
  }
  if (!image.ok()) return image.status();
  FLATVM_ASSIGN_OR_RETURN(const std::string beginning,
                          extfs::ReadBeginning(disk, *image, kQcow2Magic.size()));
  if (beginning != kQcow2Magic) return image;
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kImageUnusable,
                         "the image is qcow2, and an image on the quota disk must be raw: "
                         "qemu-img convert -O raw makes one");
}

absl::Status TakeImageOut(const ImageExit& exit, const extfs::Image& found, const Ext4Tools& tools,
                          const base::Steps& steps) {
  const absl::Status made = MakeBoth(exit, found, tools, steps);
  if (!absl::IsInternal(made)) return made;
  return ExplainFailure(made, {.disk = exit.disk, .except = found.extents, .copy = exit.new_disk},
                        tools);
}

}  // namespace flatvm::quota_worker
