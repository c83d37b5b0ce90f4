#include "storage/catalog.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "storage/image_manifest.h"
#include "storage/qcow2_header.h"
#include "storage/unusable_image.h"

namespace flatvm::storage {
namespace {

constexpr const char* kManifestName = "image.json";

// An open regular file and its length.
struct ImageFile {
  base::UniqueFd fd;
  uint64_t bytes = 0;
};

// openat2(2), as glibc has no wrapper: never leaves `directory`, never follows a symlink. -1 and
// errno on failure.
int OpenBeneath(int directory, const std::string& name, int flags) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how)));
}

absl::StatusOr<ImageFile> OpenFile(int directory, const std::string& name) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It means nothing to a regular file.
  base::UniqueFd fd(OpenBeneath(directory, name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    if (errno == ENOENT) return UnusableImage("is not there");
    if (errno == ELOOP || errno == ENXIO) return UnusableImage("must be a regular file");
    return base::ErrnoError(errno, base::StrCat("open ", name));
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return base::ErrnoError(errno, base::StrCat("stat ", name));
  if (!S_ISREG(info.st_mode)) return UnusableImage("must be a regular file");
  if (info.st_size <= 0) return UnusableImage("is empty");
  return ImageFile{.fd = std::move(fd), .bytes = static_cast<uint64_t>(info.st_size)};
}

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

absl::StatusOr<ImageManifest> ReadManifest(int directory) {
  FLATVM_ASSIGN_OR_RETURN(const ImageFile file, OpenFile(directory, kManifestName));
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
    return UnusableImage("is a qcow2 image, not a raw one");
  }
  if (file.bytes > kMaxVirtualSizeBytes) return UnusableImage("is larger than 64 TiB");
  return file.bytes;
}

// The image as its directory shows it; error texts begin with the JSON path.
absl::StatusOr<CatalogImage> Describe(int directory, const std::string& path,
                                      const ImageManifest& manifest) {
  CatalogImage image{.description = manifest.description,
                     .min_memory_mib = manifest.min_memory_mib};
  if (!manifest.kernel.empty()) {
    const absl::StatusOr<ImageFile> kernel = OpenFile(directory, manifest.kernel);
    if (!kernel.ok()) return base::WithContext(kernel.status(), "kernel");
    image.kernel = ImageKernel{.kernel_path = base::StrCat(path, "/", manifest.kernel),
                               .cmdline = manifest.cmdline};
  }
  if (!manifest.initrd.empty()) {
    const absl::StatusOr<ImageFile> initrd = OpenFile(directory, manifest.initrd);
    if (!initrd.ok()) return base::WithContext(initrd.status(), "initrd");
    image.kernel->initrd_path = base::StrCat(path, "/", manifest.initrd);
  }
  if (manifest.disk.has_value()) {
    const absl::StatusOr<ImageFile> file = OpenFile(directory, manifest.disk->file);
    if (!file.ok()) return base::WithContext(file.status(), "disk.file");
    const absl::StatusOr<uint64_t> size_bytes = ReadVirtualSize(*file, manifest.disk->format);
    if (!size_bytes.ok()) return base::WithContext(size_bytes.status(), "disk.file");
    // At most 64 TiB, which is 2^26 MiB.
    const uint64_t size_mib = (*size_bytes + base::kMebibyte - 1) / base::kMebibyte;
    image.disk = ImageDisk{.path = base::StrCat(path, "/", manifest.disk->file),
                           .format = manifest.disk->format,
                           .size_mib = static_cast<uint32_t>(size_mib)};
  }
  return image;
}

}  // namespace

absl::StatusOr<CatalogImage> Catalog::GetImage(const std::string& name) const {
  FLATVM_RETURN_IF_ERROR(base::CheckName("spec.image", name));
  const base::UniqueFd catalog(::open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!catalog.valid()) return base::ErrnoError(errno, base::StrCat("open ", directory_));
  const base::UniqueFd directory(OpenBeneath(catalog.get(), name, O_RDONLY | O_DIRECTORY));
  const std::string called = base::StrCat("image \"", name, "\"");
  if (!directory.valid()) {
    // Resolving a symlink is refused with ELOOP: to the catalog it is no image.
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) {
      return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kImageNotFound,
                             called + " is not in the catalog");
    }
    return base::ErrnoError(errno, base::StrCat("open ", directory_, "/", name));
  }
  const std::string context = base::StrCat(called, ": ", kManifestName);
  const absl::StatusOr<ImageManifest> manifest = ReadManifest(directory.get());
  if (!manifest.ok()) return base::WithContext(manifest.status(), context);
  absl::StatusOr<CatalogImage> image =
      Describe(directory.get(), base::StrCat(directory_, "/", name), *manifest);
  if (!image.ok()) return base::WithContext(image.status(), context);
  image->name = name;
  return image;
}

}  // namespace flatvm::storage
