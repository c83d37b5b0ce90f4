#include "storage/sparse_copy.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>
#include <string_view>

#include "daemon/base/error.h"

namespace flatvm::storage {
namespace {

// Large enough that the system calls do not count, small enough for a host that is short of memory.
constexpr size_t kBufferBytes = size_t{1} << 20U;

absl::Status WriteAt(int target, std::string_view bytes, off_t at) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(target, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::ErrnoError(errno, "write a copy");
    bytes.remove_prefix(static_cast<size_t>(n));
    at += n;
  }
  return absl::OkStatus();
}

// From `at` to `end` of the source, by `shift` further in the target.
absl::Status CopyThroughBuffer(int source, int target, off_t at, off_t end, off_t shift,
                               std::string* buffer) {
  if (at < end) buffer->resize(kBufferBytes);
  while (at < end) {
    const size_t wanted = std::min(buffer->size(), static_cast<size_t>(end - at));
    const ssize_t n = ::pread(source, buffer->data(), wanted, at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::ErrnoError(errno, "read what is copied");
    if (n == 0) return base::InternalError("what is copied became shorter meanwhile");
    FLATVM_RETURN_IF_ERROR(
        WriteAt(target, std::string_view(*buffer).substr(0, static_cast<size_t>(n)), at + shift));
    at += n;
  }
  return absl::OkStatus();
}

// How far it came; less than `end` where the kernel cannot copy between these two files.
absl::StatusOr<off_t> CopyInKernel(int source, int target, off_t at, off_t end, off_t shift) {
  while (at < end) {
    off_t from = at;
    off_t to = at + shift;
    const ssize_t n =
        ::copy_file_range(source, &from, target, &to, static_cast<size_t>(end - at), 0);
    if (n < 0 && errno == EINTR) continue;
    const bool cannot =
        n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP);
    // 0 is the end of the source, which the buffer then finds too, or a filesystem that lies.
    if (cannot || n == 0) break;
    if (n < 0) return base::ErrnoError(errno, "copy_file_range");
    at += n;
  }
  return at;
}

}  // namespace

absl::StatusOr<Sharing> ShareBlocks(int source, int target) {
  while (::ioctl(target, FICLONE, source) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == EXDEV || errno == EINVAL || errno == ENOTTY) {
      return Sharing::kUnsupported;
    }
    return base::ErrnoError(errno, "FICLONE");
  }
  return Sharing::kShared;
}

absl::Status CopyExtentData(int source, const Extent& extent, int target, CopyMeans means) {
  const auto limit = static_cast<off_t>(extent.disk_offset + extent.length);
  const off_t shift =
      static_cast<off_t>(extent.file_offset) - static_cast<off_t>(extent.disk_offset);
  std::string buffer;
  auto end = static_cast<off_t>(extent.disk_offset);  // of what is copied
  while (end < limit) {
    off_t at = ::lseek(source, end, SEEK_DATA);
    if (at < 0 && errno == ENXIO) break;  // a hole up to the end, or the end
    if (at < 0) return base::ErrnoError(errno, "seek data");
    if (at >= limit) break;
    end = ::lseek(source, at, SEEK_HOLE);
    if (end < 0) return base::ErrnoError(errno, "seek a hole");
    end = std::min(end, limit);
    if (means == CopyMeans::kKernel) {
      FLATVM_ASSIGN_OR_RETURN(at, CopyInKernel(source, target, at, end, shift));
      if (at < end) means = CopyMeans::kBuffer;  // it would refuse the next, too
    }
    FLATVM_RETURN_IF_ERROR(CopyThroughBuffer(source, target, at, end, shift, &buffer));
  }
  return absl::OkStatus();
}

absl::Status CopyRange(int source, uint64_t from, int target, uint64_t to, uint64_t length,
                       CopyMeans means) {
  auto at = static_cast<off_t>(from);
  const auto end = static_cast<off_t>(from + length);
  const off_t shift = static_cast<off_t>(to) - static_cast<off_t>(from);
  std::string buffer;
  if (means == CopyMeans::kKernel) {
    FLATVM_ASSIGN_OR_RETURN(at, CopyInKernel(source, target, at, end, shift));
  }
  return CopyThroughBuffer(source, target, at, end, shift, &buffer);
}

absl::Status CopyData(int source, int target, CopyMeans means) {
  constexpr Extent kEverything = {.length = std::numeric_limits<off_t>::max()};
  return CopyExtentData(source, kEverything, target, means);
}

absl::Status CopyContent(int source, int target) {
  FLATVM_ASSIGN_OR_RETURN(const Sharing sharing, ShareBlocks(source, target));
  return sharing == Sharing::kShared ? absl::OkStatus()
                                     : CopyData(source, target, CopyMeans::kKernel);
}

}  // namespace flatvm::storage
