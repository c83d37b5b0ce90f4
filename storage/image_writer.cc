#include "storage/image_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "storage/open_beneath.h"
#include "storage/sha256.h"
#include "storage/sparse_copy.h"

namespace flatvm::storage {
namespace {

using base::FieldError;
using base::Reason;

constexpr const char* kKernelName = "vmlinuz";
constexpr const char* kInitrdName = "initrd.img";
constexpr mode_t kFileMode = 0644;  // QEMU's user reads it

const char* DiskName(base::DiskFormat format) {
  return format == base::DiskFormat::kRaw ? "disk.raw" : "disk.qcow2";
}

// The same error of one of the image's fields.
absl::Status InField(const absl::Status& status, std::string_view field) {
  base::ErrorInfo info = base::GetErrorInfo(status);
  info.field = field;
  return base::MakeError(status.code(), info, base::StrCat(field, ": ", base::Message(status)));
}

absl::Status CheckWords(const NewImage& image) {
  if (image.kernel_path.empty()) {
    constexpr const char* kSenseless = "makes no sense without a kernel";
    if (!image.initrd_path.empty()) {
      return FieldError(Reason::kFieldMalformed, "initrd", kSenseless);
    }
    if (!image.cmdline.empty()) return FieldError(Reason::kFieldMalformed, "cmdline", kSenseless);
    if (!image.disk.has_value()) {
      return FieldError(Reason::kFieldMissing, "disk", "an image has a disk, a kernel, or both");
    }
  }
  if (!IsDescription(image.description)) {
    return FieldError(Reason::kFieldMalformed, "description", kDescriptionRule);
  }
  if (!IsCmdline(image.cmdline)) {
    return FieldError(Reason::kFieldMalformed, "cmdline", kCmdlineRule);
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageFile> OpenSource(std::string_view field, const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer. It means nothing to a regular file.
  base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd.valid()) {
    return FieldError(Reason::kFieldMalformed, field,
                      base::StrCat("cannot open ", path, ": ", strerrordesc_np(errno)));
  }
  absl::StatusOr<ImageFile> file = CheckImageFile(std::move(fd));
  if (!file.ok()) return InField(file.status(), field);
  return file;
}

absl::Status PrepareDisk(const NewImageDisk& disk, PreparedImage* prepared) {
  FLATVM_ASSIGN_OR_RETURN(ImageFile file, OpenSource("disk", disk.path));
  const absl::StatusOr<uint64_t> size_bytes = ReadVirtualSize(file, disk.format);
  if (!size_bytes.ok()) return InField(size_bytes.status(), "disk");
  prepared->disk_mib = VirtualSizeMib(*size_bytes);
  prepared->manifest.disk = ManifestDisk{.file = DiskName(disk.format), .format = disk.format};
  prepared->files.push_back({DiskName(disk.format), std::move(file), disk.format});
  return absl::OkStatus();
}

absl::Status CloseIn(int directory, const std::string& name, const base::UniqueFd& file) {
  // The umask may have made it narrower.
  if (::fchmod(file.get(), kFileMode) != 0) return base::ErrnoError(errno, "chmod");
  if (::fsync(file.get()) != 0) return base::ErrnoError(errno, "fsync");
  struct stat info {};
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return base::ErrnoError(errno, "stat");  // somebody removed the directory under us
  }
  return absl::OkStatus();
}

absl::StatusOr<base::UniqueFd> CreateFile(int directory, const std::string& name) {
  base::UniqueFd file =
      OpenBeneath(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, kFileMode);
  if (!file.valid()) return base::ErrnoError(errno, "create");
  return file;
}

// Returns the digest.
absl::StatusOr<std::string> CopyFile(int directory, const SourceFile& source, const StepFn& step) {
  if (step) step(base::StrCat("copying ", source.name));
  FLATVM_ASSIGN_OR_RETURN(base::UniqueFd target, CreateFile(directory, source.name));
  FLATVM_RETURN_IF_ERROR(CopyContent(source.file.fd.get(), target.get()));
  if (::ftruncate(target.get(), static_cast<off_t>(source.file.bytes)) != 0) {
    return base::ErrnoError(errno, "truncate");
  }
  FLATVM_RETURN_IF_ERROR(CloseIn(directory, source.name, target));
  if (step) step(base::StrCat("computing the digest of ", source.name));
  FLATVM_ASSIGN_OR_RETURN(std::string digest, Sha256Of(target.get()));
  if (source.disk_format.has_value()) {
    // What was checked may not be what was copied.
    const ImageFile copy{.fd = std::move(target), .bytes = source.file.bytes};
    FLATVM_RETURN_IF_ERROR(ReadVirtualSize(copy, *source.disk_format).status());
  }
  return digest;
}

absl::Status WriteManifest(int directory, const ImageManifest& manifest) {
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd file, CreateFile(directory, kManifestName));
  const std::string text = FormatImageManifest(manifest);
  const ssize_t n = ::pwrite(file.get(), text.data(), text.size(), 0);
  // Some KiB at most: a short write is a full disk.
  if (n != static_cast<ssize_t>(text.size()))
    return base::ErrnoError(n < 0 ? errno : ENOSPC, "write");
  return CloseIn(directory, kManifestName, file);
}

}  // namespace

absl::StatusOr<PreparedImage> PrepareImage(const NewImage& image) {
  FLATVM_RETURN_IF_ERROR(CheckWords(image));
  PreparedImage prepared;
  ImageManifest& manifest = prepared.manifest;
  manifest.description = image.description;
  manifest.cmdline = image.cmdline;
  manifest.min_memory_mib = image.min_memory_mib;
  if (image.disk.has_value()) FLATVM_RETURN_IF_ERROR(PrepareDisk(*image.disk, &prepared));
  if (!image.kernel_path.empty()) {
    FLATVM_ASSIGN_OR_RETURN(ImageFile kernel, OpenSource("kernel", image.kernel_path));
    manifest.kernel = kKernelName;
    prepared.files.push_back({kKernelName, std::move(kernel), std::nullopt});
  }
  if (!image.initrd_path.empty()) {
    FLATVM_ASSIGN_OR_RETURN(ImageFile initrd, OpenSource("initrd", image.initrd_path));
    manifest.initrd = kInitrdName;
    prepared.files.push_back({kInitrdName, std::move(initrd), std::nullopt});
  }
  FLATVM_ASSIGN_OR_RETURN(const ImageManifest read_back,
                          ParseImageManifest(FormatImageManifest(manifest)));
  if (read_back.description != image.description) {
    return FieldError(Reason::kFieldMalformed, "description", "must be UTF-8");
  }
  return prepared;
}

absl::Status WriteImage(int directory, const PreparedImage& image, const StepFn& step) {
  ImageManifest manifest = image.manifest;
  for (const SourceFile& source : image.files) {
    absl::StatusOr<std::string> digest = CopyFile(directory, source, step);
    if (!digest.ok()) return base::WithContext(digest.status(), source.name);
    manifest.sha256.emplace(source.name, *std::move(digest));
  }
  FLATVM_RETURN_IF_ERROR(base::WithContext(WriteManifest(directory, manifest), kManifestName));
  if (::fsync(directory) != 0) return base::ErrnoError(errno, "fsync the image's directory");
  return absl::OkStatus();
}

}  // namespace flatvm::storage
