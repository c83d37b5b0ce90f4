#include "storage/extent_fill.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "daemon/base/error.h"
#include "storage/extent_check.h"

namespace flatvm::storage {
namespace {

absl::StatusOr<struct stat> Stat(int file) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return base::ErrnoError(errno, "stat a disk");
  return info;
}

// What of `extent` can be shared: whole blocks, that lie in the image whole.
uint64_t ShareableBytes(const Extent& extent, uint64_t image_bytes, uint64_t block_bytes) {
  const uint64_t end = std::min(extent.file_offset + extent.length, image_bytes);
  return (end - extent.file_offset) / block_bytes * block_bytes;
}

absl::StatusOr<Sharing> Share(int image, const Extent& extent, uint64_t length, int disk) {
  struct file_clone_range range {};
  range.src_fd = image;
  range.src_offset = extent.file_offset;
  range.src_length = length;
  range.dest_offset = extent.disk_offset;
  while (::ioctl(disk, FICLONERANGE, &range) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == EXDEV || errno == EINVAL || errno == ENOTTY) {
      return Sharing::kUnsupported;
    }
    return base::ErrnoError(errno, "FICLONERANGE");
  }
  return Sharing::kShared;
}

absl::Status WriteZeros(int file, uint64_t at, uint64_t length) {
  const std::string zeros(length, '\0');
  for (uint64_t done = 0; done < length;) {
    const ssize_t n =
        ::pwrite(file, zeros.data() + done, length - done, static_cast<off_t>(at + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::ErrnoError(errno, "write zeros");
    done += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<DiskRun>> FindData(int file, uint64_t bytes) {
  std::vector<DiskRun> runs;
  for (uint64_t at = 0; at < bytes;) {
    const off_t begin = ::lseek(file, static_cast<off_t>(at), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // a hole up to the end
    if (begin < 0) return base::ErrnoError(errno, "seek data");
    const off_t end = ::lseek(file, begin, SEEK_HOLE);
    if (end < 0) return base::ErrnoError(errno, "seek a hole");
    const uint64_t offset = std::min(static_cast<uint64_t>(begin), bytes);
    at = std::min(static_cast<uint64_t>(end), bytes);
    if (offset == at) break;
    if (runs.size() == kMaxExtents) return std::vector<DiskRun>{{.offset = 0, .length = bytes}};
    runs.push_back({.offset = offset, .length = at - offset});
  }
  return runs;
}

absl::Status FillExtents(int image, uint64_t image_bytes, const std::vector<Extent>& extents,
                         int disk, CopyMeans means) {
  FLATVM_ASSIGN_OR_RETURN(const struct stat info, Stat(disk));
  FLATVM_RETURN_IF_ERROR(CheckExtents(extents, image_bytes, static_cast<uint64_t>(info.st_size)));
  const auto block_bytes = static_cast<uint64_t>(std::max<blksize_t>(info.st_blksize, 512));
  Sharing sharing = Sharing::kShared;  // until the filesystem says that it cannot
  for (const Extent& extent : extents) {
    const uint64_t end = std::min(extent.file_offset + extent.length, image_bytes);
    uint64_t done = ShareableBytes(extent, image_bytes, block_bytes);
    if (done > 0 && sharing == Sharing::kShared) {
      FLATVM_ASSIGN_OR_RETURN(sharing, Share(image, extent, done, disk));
    }
    if (sharing == Sharing::kUnsupported) done = 0;
    FLATVM_RETURN_IF_ERROR(CopyRange(image, extent.file_offset + done, disk,
                                     extent.disk_offset + done, end - extent.file_offset - done,
                                     means));
    const uint64_t behind = extent.file_offset + extent.length - end;
    if (behind > 0) {
      FLATVM_RETURN_IF_ERROR(WriteZeros(disk, extent.disk_offset + extent.length - behind, behind));
    }
  }
  return absl::OkStatus();
}

}  // namespace flatvm::storage
