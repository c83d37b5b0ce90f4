#include "storage/image_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/open_beneath.h"
#include "storage/qcow2_header.h"
#include "storage/unusable_image.h"

namespace flatvm::storage {
namespace {

// At most the first `max_bytes` bytes.
absl::StatusOr<std::string> ReadBeginning(const ImageFile& file, size_t max_bytes) {
  std::string content(max_bytes, '\0');
  size_t filled = 0;
  while (filled < max_bytes) {
    const ssize_t n = ::pread(file.fd.get(), content.data() + filled, max_bytes - filled,
                              static_cast<off_t>(filled));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::ErrnoError(errno, "read an image's file");
    if (n == 0) break;
    filled += static_cast<size_t>(n);
  }
  content.resize(filled);
  return content;
}

}  // namespace

absl::StatusOr<ImageFile> CheckImageFile(base::UniqueFd fd) {
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::ErrnoError(errno, "stat an image's file");
  if (!S_ISREG(info.st_mode)) return UnusableImage("must be a regular file");
  if (info.st_size <= 0) return UnusableImage("is empty");
  return ImageFile{.fd = std::move(fd), .bytes = static_cast<uint64_t>(info.st_size)};
}

absl::StatusOr<ImageFile> OpenImageFile(int directory, const std::string& name) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It means nothing to a regular file.
  base::UniqueFd fd = OpenBeneath(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (fd.valid()) return CheckImageFile(std::move(fd));
  if (errno == ENOENT) return UnusableImage("is not there");
  if (errno == ELOOP || errno == ENXIO) return UnusableImage("must be a regular file");
  return base::ErrnoError(errno, base::StrCat("open ", name));
}

absl::StatusOr<ImageManifest> ReadManifest(int directory) {
  FLATVM_ASSIGN_OR_RETURN(const ImageFile file, OpenImageFile(directory, kManifestName));
  FLATVM_ASSIGN_OR_RETURN(const std::string text, ReadBeginning(file, kMaxManifestBytes + 1));
  if (text.size() > kMaxManifestBytes) return UnusableImage("is larger than 64 KiB");
  return ParseImageManifest(text);
}

absl::StatusOr<uint64_t> ReadVirtualSize(const ImageFile& file, base::DiskFormat format) {
  FLATVM_ASSIGN_OR_RETURN(const std::string beginning, ReadBeginning(file, kQcow2HeaderBytes));
  if (format == base::DiskFormat::kQcow2) {
    FLATVM_ASSIGN_OR_RETURN(const Qcow2Header header, ParseQcow2Header(beginning, file.bytes));
    return header.virtual_size_bytes;
  }
  // Nothing would probe it, but a guest would be given a header for a disk.
  if (beginning.compare(0, kQcow2Magic.size(), kQcow2Magic) == 0) {
    return UnusableImage("is a qcow2 image, not a raw one; say that its format is qcow2");
  }
  if (file.bytes > kMaxVirtualSizeBytes) return UnusableImage("is larger than 64 TiB");
  return file.bytes;
}

}  // namespace flatvm::storage
