#include "daemon/import_worker/import_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/error.h"

namespace flatvm::import_worker {
namespace {

// A tenant that may write 64 KiB a second waits half a minute for it, which flatvmd waits, too.
constexpr uint64_t kWindowBytes = uint64_t{2} << 20U;

}  // namespace

absl::Status ImportFile::CheckRange(uint64_t offset, uint64_t length) const {
  if (file_.valid() && offset <= size_bytes_ && length <= size_bytes_ - offset) {
    return absl::OkStatus();
  }
  return base::InternalError("a chunk that is not within its image");
}

absl::Status ImportFile::Write(uint64_t offset, std::string_view data) {
  FLATVM_RETURN_IF_ERROR(CheckRange(offset, data.size()));
  if (offset == digest_.bytes()) FLATVM_RETURN_IF_ERROR(digest_.Add(data));
  while (!data.empty()) {
    const ssize_t size =
        ::pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return base::ErrnoError(size < 0 ? errno : EIO, "write to an image");
    data.remove_prefix(static_cast<size_t>(size));
    offset += static_cast<uint64_t>(size);
  }
  MoveOn(offset);
  return absl::OkStatus();
}

absl::Status ImportFile::WriteZeros(uint64_t offset, uint64_t zeros) {
  FLATVM_RETURN_IF_ERROR(CheckRange(offset, zeros));
  struct stat info {};
  if (::fstat(file_.get(), &info) != 0) return base::ErrnoError(errno, "stat of an image");
  const uint64_t length = static_cast<uint64_t>(info.st_size);
  // What is there already, an earlier worker wrote just before its end.
  if (length > offset && ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     static_cast<off_t>(offset), static_cast<off_t>(zeros)) != 0) {
    return base::ErrnoError(errno, "make a hole in an image");
  }
  const uint64_t end = offset + zeros;
  if (length < end && ::ftruncate(file_.get(), static_cast<off_t>(end)) != 0) {
    return base::ErrnoError(errno, "lengthen an image");
  }
  return absl::OkStatus();
}

// Two windows are under way: one that was begun to be written, and one that fills. What cannot be
// told the kernel only costs memory.
void ImportFile::MoveOn(uint64_t end) {
  if (current_ > end) behind_ = current_ = end;
  if (end - current_ < kWindowBytes) return;
  if (current_ > behind_) {
    const auto begin = static_cast<off_t>(behind_);
    const auto length = static_cast<off_t>(current_ - behind_);
    constexpr unsigned kWait =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    (void)::sync_file_range(file_.get(), begin, length, kWait);
    (void)::posix_fadvise(file_.get(), begin, length, POSIX_FADV_DONTNEED);
  }
  (void)::sync_file_range(file_.get(), static_cast<off_t>(current_),
                          static_cast<off_t>(end - current_), SYNC_FILE_RANGE_WRITE);
  behind_ = current_;
  current_ = end;
}

absl::StatusOr<std::string> ImportFile::Digest() {
  FLATVM_RETURN_IF_ERROR(CheckRange(0, 0));
  if (::fsync(file_.get()) != 0) return base::ErrnoError(errno, "fsync of an image");
  (void)::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const absl::Status read = digest_.AddRestOf(file_.get(), digest_.bytes());
  file_.Reset();
  if (!read.ok()) return read;
  return digest_.Finish();
}

}  // namespace flatvm::import_worker
