#include "storage/extent_check.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/qcow2_header.h"

namespace flatvm::storage {
namespace {

constexpr uint64_t kSectorBytes = 512;
// ext4's blocks have 1 to 64 KiB. A file's last extent ends with a block, not with the file.
constexpr uint64_t kMinBlockBytes = 1024;
constexpr uint64_t kMaxBlockBytes = 65536;

bool Fits(uint64_t offset, uint64_t length, uint64_t limit) {
  return length != 0 && offset <= limit && length <= limit - offset;
}

absl::Status Wrong(base::Reason reason, std::string_view list, size_t index,
                   std::string_view message) {
  return base::FieldError(reason, base::StrCat(list, "[", index, "]"), message);
}

absl::Status CheckCount(size_t count, std::string_view list) {
  if (count <= kMaxExtents) return absl::OkStatus();
  return base::FieldError(base::Reason::kFieldOutOfRange, list, "has too many elements");
}

// Each is right for itself: no sum overflows.
absl::Status CheckApartOnDisk(const std::vector<Extent>& extents) {
  std::vector<size_t> order(extents.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&extents](size_t a, size_t b) {
    return extents[a].disk_offset < extents[b].disk_offset;
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const Extent& before = extents[order[i - 1]];
    if (before.disk_offset + before.length > extents[order[i]].disk_offset) {
      return Wrong(base::Reason::kFieldMalformed, "extents", order[i],
                   "overlaps another on the disk");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckExtents(const std::vector<Extent>& extents, uint64_t image_bytes,
                          uint64_t disk_bytes) {
  if (image_bytes == 0 || image_bytes > kMaxVirtualSizeBytes) {
    return base::FieldError(base::Reason::kFieldOutOfRange, "image_bytes",
                            "is not from 1 byte to 64 TiB");
  }
  if (image_bytes % kSectorBytes != 0) {
    return base::FieldError(base::Reason::kFieldMalformed, "image_bytes",
                            "is not a multiple of 512");
  }
  FLATVM_RETURN_IF_ERROR(CheckCount(extents.size(), "extents"));
  const uint64_t limit = (image_bytes + kMaxBlockBytes - 1) / kMaxBlockBytes * kMaxBlockBytes;
  uint64_t end = 0;  // in the file, of the one before
  for (size_t i = 0; i < extents.size(); ++i) {
    const Extent& extent = extents[i];
    if (!Fits(extent.disk_offset, extent.length, disk_bytes) ||
        !Fits(extent.file_offset, extent.length, limit)) {
      return Wrong(base::Reason::kFieldOutOfRange, "extents", i,
                   "is empty or ends outside of the disk or the image");
    }
    if ((extent.disk_offset | extent.file_offset | extent.length) % kMinBlockBytes != 0) {
      return Wrong(base::Reason::kFieldMalformed, "extents", i, "is not of whole blocks");
    }
    if (extent.file_offset < end) {
      return Wrong(base::Reason::kFieldMalformed, "extents", i,
                   "begins before the end of the last");
    }
    end = extent.file_offset + extent.length;
  }
  return CheckApartOnDisk(extents);
}

absl::Status CheckRuns(const std::vector<DiskRun>& runs, uint64_t disk_bytes) {
  FLATVM_RETURN_IF_ERROR(CheckCount(runs.size(), "runs"));
  uint64_t end = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!Fits(runs[i].offset, runs[i].length, disk_bytes)) {
      return Wrong(base::Reason::kFieldOutOfRange, "runs", i,
                   "is empty or ends outside of the disk");
    }
    if (runs[i].offset < end) {
      return Wrong(base::Reason::kFieldMalformed, "runs", i, "begins before the end of the last");
    }
    end = runs[i].offset + runs[i].length;
  }
  return absl::OkStatus();
}

}  // namespace flatvm::storage
