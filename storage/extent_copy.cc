#include "storage/extent_copy.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "storage/extent_check.h"

namespace flatvm::storage {
namespace {

absl::StatusOr<uint64_t> BytesOf(int file) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return base::ErrnoError(errno, "stat the disk");
  return static_cast<uint64_t>(info.st_size);
}

absl::Status SetLength(int file, uint64_t bytes) {
  if (::ftruncate(file, static_cast<off_t>(bytes)) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "truncate the image");
}

absl::StatusOr<Sharing> ShareExtent(int disk, const Extent& extent, int image) {
  struct file_clone_range range {};
  range.src_fd = disk;
  range.src_offset = extent.disk_offset;
  range.src_length = extent.length;
  range.dest_offset = extent.file_offset;
  while (::ioctl(image, FICLONERANGE, &range) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == EXDEV || errno == EINVAL || errno == ENOTTY) {
      return Sharing::kUnsupported;
    }
    return base::ErrnoError(errno, "FICLONERANGE");
  }
  return Sharing::kShared;
}

}  // namespace

absl::StatusOr<Sharing> ShareExtents(int disk, const std::vector<Extent>& extents, int image,
                                     uint64_t image_bytes) {
  FLATVM_ASSIGN_OR_RETURN(const uint64_t disk_bytes, BytesOf(disk));
  FLATVM_RETURN_IF_ERROR(CheckExtents(extents, image_bytes, disk_bytes));
  for (const Extent& extent : extents) {
    FLATVM_ASSIGN_OR_RETURN(const Sharing sharing, ShareExtent(disk, extent, image));
    if (sharing == Sharing::kShared) continue;
    // Those before may have had offsets that it can.
    FLATVM_RETURN_IF_ERROR(SetLength(image, 0));
    return Sharing::kUnsupported;
  }
  // The last extent ends with a block: this cuts off what is not the image's.
  FLATVM_RETURN_IF_ERROR(SetLength(image, image_bytes));
  return Sharing::kShared;
}

absl::Status CopyExtents(int disk, const std::vector<Extent>& extents, int image,
                         uint64_t image_bytes, CopyMeans means) {
  FLATVM_ASSIGN_OR_RETURN(const uint64_t disk_bytes, BytesOf(disk));
  FLATVM_RETURN_IF_ERROR(CheckExtents(extents, image_bytes, disk_bytes));
  for (const Extent& extent : extents) {
    FLATVM_RETURN_IF_ERROR(CopyExtentData(disk, extent, image, means));
  }
  return SetLength(image, image_bytes);
}

absl::Status CopyRuns(int disk, const std::vector<DiskRun>& runs, int target, CopyMeans means) {
  FLATVM_ASSIGN_OR_RETURN(const uint64_t disk_bytes, BytesOf(disk));
  FLATVM_RETURN_IF_ERROR(CheckRuns(runs, disk_bytes));
  for (const DiskRun& run : runs) {
    const Extent extent = {
        .file_offset = run.offset, .disk_offset = run.offset, .length = run.length};
    FLATVM_RETURN_IF_ERROR(CopyExtentData(disk, extent, target, means));
  }
  return absl::OkStatus();
}

}  // namespace flatvm::storage
