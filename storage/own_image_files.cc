#include "storage/own_image_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "storage/image_file.h"
#include "storage/path_ids.h"
#include "storage/tenant_tree.h"
#include "storage/unusable_image.h"

namespace flatvm::storage {
namespace {

constexpr const char* kSuffix = ".image";
// A worker closes the file before it answers; it is looked again after this long.
constexpr std::chrono::milliseconds kLeasePause{50};

std::string FileNameOf(const std::string& id) { return id + kSuffix; }

// The open file of an image.
absl::StatusOr<TenantFile> Open(const std::string& tenants_directory, const std::string& tenant,
                                const std::string& id, int flags) {
  FLATVM_RETURN_IF_ERROR(CheckImage(tenant, id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindImagesDirectory(tenants_directory, tenant));
  if (!directory.valid()) {
    return base::InternalError(base::StrCat("tenant ", tenant, " has no images"));
  }
  absl::StatusOr<TenantFile> file = OpenTenantFile(directory.get(), FileNameOf(id), flags);
  if (file.ok()) return file;
  return base::WithContext(file.status(), base::StrCat("tenant ", tenant, ", image ", id));
}

// Whether the kernel grants a read lease on `file`, which is open for reading only: then nobody has
// it open for writing. Who opens it for writing while the lease is held waits, and we get a signal,
// which is one that nobody minds.
absl::StatusOr<bool> TakeReadLease(int file) {
  if (::fcntl(file, F_SETSIG, SIGURG) != 0) return base::ErrnoError(errno, "F_SETSIG of a lease");
  if (::fcntl(file, F_SETLEASE, F_RDLCK) == 0) return true;
  if (errno == EAGAIN) return false;
  return base::ErrnoError(errno, "lease of an image");
}

absl::Status AwaitNoWriter(int file, std::chrono::milliseconds patience) {
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(const bool leased, TakeReadLease(file));
    if (leased) return absl::OkStatus();
    if (patience.count() <= 0) break;
    std::this_thread::sleep_for(kLeasePause);
    patience -= kLeasePause;
  }
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kServiceManagerUnavailable,
                         "the image's file is still open for writing; try again later");
}

// What the beginning says, as that of an image of its whole size.
absl::StatusOr<uint64_t> VirtualSizeOf(const ImageIdentity& image, base::UniqueFd file) {
  const ImageFile content{.fd = std::move(file), .bytes = image.size_bytes};
  return ReadVirtualSize(content, image.format);
}

}  // namespace

std::string OwnImageFiles::ImagePath(const std::string& tenant, const std::string& id) const {
  if (!CheckImage(tenant, id).ok()) return "";
  return base::StrCat(tenants_directory_, "/", tenant, "/", kImagesDirectory, "/", FileNameOf(id));
}

absl::StatusOr<uint64_t> OwnImageFiles::EnsureImage(const std::string& tenant,
                                                    const std::string& id) {
  FLATVM_RETURN_IF_ERROR(CheckImage(tenant, id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          EnsureImagesDirectory(tenants_directory_, tenant));
  FLATVM_ASSIGN_OR_RETURN(TenantFile file,
                          FindTenantFile(directory.get(), FileNameOf(id), O_RDONLY));
  if (!file.fd.valid()) {
    FLATVM_ASSIGN_OR_RETURN(file.fd, MakeTenantFile(directory.get(), FileNameOf(id)));
    FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(directory.get()));
  }
  if (::fsync(file.fd.get()) != 0) return base::ErrnoError(errno, "fsync of an image");
  return file.bytes;
}

absl::StatusOr<OwnImageFiles::SessionPtr> OwnImageFiles::SessionOf(const ImageIdentity& image) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(image.id);
    if (found != sessions_.end()) return found->second;
  }
  FLATVM_ASSIGN_OR_RETURN(const TenantFile file,
                          Open(tenants_directory_, image.tenant, image.id, O_RDWR));
  FLATVM_ASSIGN_OR_RETURN(SessionPtr session,
                          worker_.Begin(image.tenant, image.id, file.fd.get(), image.size_bytes));
  const std::lock_guard lock(mutex_);
  sessions_.insert_or_assign(image.id, session);
  return session;
}

void OwnImageFiles::EndSession(const std::string& id) {
  SessionPtr ended;  // goes after the lock
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  ended = std::move(found->second);
  sessions_.erase(found);
}

absl::Status OwnImageFiles::WriteImage(const ImageIdentity& image, const ImageChunk& chunk) {
  if (chunk.end() > image.size_bytes || chunk.end() <= chunk.offset) {
    return base::InternalError("a chunk that is not within its image");
  }
  for (int attempt = 0;; ++attempt) {
    FLATVM_ASSIGN_OR_RETURN(const SessionPtr session, SessionOf(image));
    absl::Status written = session->Write(chunk);
    if (written.ok()) return written;
    EndSession(image.id);
    if (attempt > 0 || !absl::IsUnavailable(written)) return written;
  }
}

absl::Status OwnImageFiles::CheckBeginning(const ImageIdentity& image) {
  FLATVM_ASSIGN_OR_RETURN(TenantFile file,
                          Open(tenants_directory_, image.tenant, image.id, O_RDONLY));
  return VirtualSizeOf(image, std::move(file.fd)).status();
}

absl::StatusOr<std::string> OwnImageFiles::DigestImage(const ImageIdentity& image,
                                                       std::chrono::milliseconds timeout) {
  for (int attempt = 0;; ++attempt) {
    FLATVM_ASSIGN_OR_RETURN(const SessionPtr session, SessionOf(image));
    absl::StatusOr<std::string> digest = session->Digest(timeout);
    if (absl::IsDeadlineExceeded(digest.status())) return digest;
    EndSession(image.id);
    if (digest.ok() || attempt > 0 || !absl::IsUnavailable(digest.status())) return digest;
  }
}

absl::StatusOr<uint32_t> OwnImageFiles::SealImage(const ImageIdentity& image) {
  EndSession(image.id);
  FLATVM_ASSIGN_OR_RETURN(TenantFile file,
                          Open(tenants_directory_, image.tenant, image.id, O_RDONLY));
  FLATVM_RETURN_IF_ERROR(AwaitNoWriter(file.fd.get(), writer_patience_));
  // From here on it stays as it is: what was seen before is seen anew.
  struct stat info {};
  if (::fstat(file.fd.get(), &info) != 0) return base::ErrnoError(errno, "stat of an image");
  if (static_cast<uint64_t>(info.st_size) != image.size_bytes) {
    return UnusableImage(base::StrCat("has ", info.st_size, " bytes, not ", image.size_bytes));
  }
  if (::fsync(file.fd.get()) != 0) return base::ErrnoError(errno, "fsync of an image");
  // The lease goes with the descriptor.
  FLATVM_ASSIGN_OR_RETURN(const uint64_t bytes, VirtualSizeOf(image, std::move(file.fd)));
  return VirtualSizeMib(bytes);
}

absl::Status OwnImageFiles::RemoveImage(const std::string& tenant, const std::string& id) {
  FLATVM_RETURN_IF_ERROR(CheckImage(tenant, id));
  EndSession(id);
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindImagesDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return absl::OkStatus();
  absl::Status status = RemoveName(directory.get(), FileNameOf(id));
  if (status.ok()) status = SyncOpenDirectory(directory.get());
  return base::WithContext(status, ImagePath(tenant, id));
}

absl::StatusOr<std::vector<std::string>> OwnImageFiles::ListImages(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  std::vector<std::string> ids;
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindImagesDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return ids;
  FLATVM_ASSIGN_OR_RETURN(
      const std::vector<std::string> names,
      base::ListDirectory(base::StrCat(tenants_directory_, "/", tenant, "/", kImagesDirectory)));
  for (const std::string& name : names) {
    const std::string id = name.substr(0, name.find('.'));
    if (base::IsUuid(id) && name == FileNameOf(id)) ids.push_back(id);
  }
  return ids;
}

}  // namespace flatvm::storage
