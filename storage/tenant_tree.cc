#include "storage/tenant_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/open_beneath.h"

namespace flatvm::storage {
namespace {

constexpr mode_t kDirectoryMode = 0711;

absl::StatusOr<base::UniqueFd> FindDirectoryIn(int parent, const std::string& name) {
  base::UniqueFd fd = OpenBeneath(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd.valid() || errno == ENOENT) return fd;
  return base::ErrnoError(errno, base::StrCat("open ", name));
}

// A directory of a tenant's, beneath its own. Invalid if either is not there.
absl::StatusOr<base::UniqueFd> FindPart(const std::string& tenants_directory,
                                        const std::string& tenant, const char* part) {
  FLATVM_ASSIGN_OR_RETURN(base::UniqueFd directory, FindTenantDirectory(tenants_directory, tenant));
  if (!directory.valid()) return directory;
  absl::StatusOr<base::UniqueFd> found = FindDirectoryIn(directory.get(), part);
  if (found.ok()) return found;
  return base::WithContext(found.status(), base::StrCat("tenant ", tenant));
}

absl::StatusOr<base::UniqueFd> EnsurePart(const std::string& tenants_directory,
                                          const std::string& tenant, const char* part) {
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd parent,
                          OpenTenantDirectory(tenants_directory, tenant));
  if (::mkdirat(parent.get(), part, kDirectoryMode) == 0) {
    FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(parent.get()));
  } else if (errno != EEXIST) {
    return base::ErrnoError(errno, base::StrCat("mkdir ", part, " of tenant ", tenant));
  }
  base::UniqueFd directory = OpenBeneath(parent.get(), part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  // mkdir leaves the mode to the umask, and another room may have chosen it narrower.
  if (!directory.valid() || ::fchmod(directory.get(), kDirectoryMode) != 0) {
    return base::ErrnoError(errno, base::StrCat("open up ", part, " of tenant ", tenant));
  }
  return directory;
}

}  // namespace

std::string VolumeFileName(const std::string& volume_id) { return base::StrCat(volume_id, ".raw"); }
std::string FreshVolumeFileName(const std::string& volume_id) {
  return base::StrCat(volume_id, ".raw.new");
}

std::string StraysFileName(const std::string& volume_id) {
  return base::StrCat(volume_id, ".raw.strays");
}

std::array<std::string, 3> VolumeFileNames(const std::string& volume_id) {
  return {VolumeFileName(volume_id), FreshVolumeFileName(volume_id), StraysFileName(volume_id)};
}

absl::StatusOr<base::UniqueFd> FindTenantDirectory(const std::string& tenants_directory,
                                                   const std::string& tenant) {
  base::UniqueFd tenants(::open(tenants_directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!tenants.valid()) {
    if (errno == ENOENT) return tenants;
    return base::ErrnoError(errno, base::StrCat("open ", tenants_directory));
  }
  absl::StatusOr<base::UniqueFd> found = FindDirectoryIn(tenants.get(), tenant);
  if (found.ok()) return found;
  return base::WithContext(found.status(), tenants_directory);
}

absl::StatusOr<base::UniqueFd> FindVolumesDirectory(const std::string& tenants_directory,
                                                    const std::string& tenant) {
  return FindPart(tenants_directory, tenant, kVolumesDirectory);
}

absl::StatusOr<base::UniqueFd> FindImagesDirectory(const std::string& tenants_directory,
                                                   const std::string& tenant) {
  return FindPart(tenants_directory, tenant, kImagesDirectory);
}

absl::StatusOr<base::UniqueFd> OpenTenantDirectory(const std::string& tenants_directory,
                                                   const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(base::UniqueFd directory, FindTenantDirectory(tenants_directory, tenant));
  if (directory.valid()) return directory;
  return base::InternalError(base::StrCat("tenant ", tenant, " has no directory"));
}

absl::StatusOr<base::UniqueFd> EnsureVolumesDirectory(const std::string& tenants_directory,
                                                      const std::string& tenant) {
  return EnsurePart(tenants_directory, tenant, kVolumesDirectory);
}

absl::StatusOr<base::UniqueFd> EnsureImagesDirectory(const std::string& tenants_directory,
                                                     const std::string& tenant) {
  return EnsurePart(tenants_directory, tenant, kImagesDirectory);
}

absl::StatusOr<TenantFile> FindTenantFile(int directory, const std::string& name, int flags) {
  // O_NONBLOCK: opening a FIFO must not wait. It means nothing to a regular file.
  TenantFile file{.fd = OpenBeneath(directory, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)};
  if (!file.fd.valid() && errno == ENOENT) return file;
  struct stat info {};
  if (!file.fd.valid() || ::fstat(file.fd.get(), &info) != 0) {
    return base::ErrnoError(errno, base::StrCat("open ", name));
  }
  // With a second link it may be anybody's file.
  if (!S_ISREG(info.st_mode) || info.st_nlink != 1) {
    return base::InternalError(base::StrCat(name, " is not a regular file with one link"));
  }
  file.bytes = static_cast<uint64_t>(info.st_size);
  return file;
}

absl::StatusOr<TenantFile> OpenTenantFile(int directory, const std::string& name, int flags) {
  FLATVM_ASSIGN_OR_RETURN(TenantFile file, FindTenantFile(directory, name, flags));
  if (file.fd.valid()) return file;
  return base::ErrnoError(ENOENT, base::StrCat("open ", name));
}

absl::StatusOr<base::UniqueFd> MakeTenantFile(int directory, const std::string& name) {
  FLATVM_RETURN_IF_ERROR(RemoveName(directory, name));
  base::UniqueFd file = OpenBeneath(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file.valid()) return base::ErrnoError(errno, base::StrCat("create ", name));
  return file;
}

absl::Status SetLength(int file, uint64_t bytes) {
  if (::ftruncate(file, static_cast<off_t>(bytes)) != 0) return base::ErrnoError(errno, "truncate");
  if (::fsync(file) != 0) return base::ErrnoError(errno, "fsync");
  return absl::OkStatus();
}

absl::Status RemoveName(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return absl::OkStatus();
  return base::ErrnoError(errno, base::StrCat("unlink ", name));
}

absl::StatusOr<bool> HasName(int directory, const std::string& name) {
  struct stat info {};
  if (::fstatat(directory, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) return true;
  if (errno == ENOENT) return false;
  return base::ErrnoError(errno, base::StrCat("stat ", name));
}

absl::Status RenameDurably(int from_directory, const std::string& from, int to_directory,
                           const std::string& to) {
  if (::renameat(from_directory, from.c_str(), to_directory, to.c_str()) != 0) {
    return base::ErrnoError(errno, base::StrCat("rename ", from));
  }
  FLATVM_RETURN_IF_ERROR(SyncOpenDirectory(to_directory));
  return from_directory == to_directory ? absl::OkStatus() : SyncOpenDirectory(from_directory);
}

absl::Status SyncOpenDirectory(int directory) {
  if (::fsync(directory) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "fsync the directory");
}

}  // namespace flatvm::storage
