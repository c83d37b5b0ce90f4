#include "storage/volume_files.h"

#include <fcntl.h>
#include <stdio.h>  // renameat2
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "storage/path_ids.h"
#include "storage/sparse_copy.h"
#include "storage/tenant_tree.h"

namespace flatvm::storage {
namespace {

constexpr int kNoSource = -1;

// At most 2^52: no overflow.
uint64_t BytesOf(uint32_t size_mib) { return size_mib * base::kMebibyte; }

// Everything but the name: a file of `bytes` with the content of `source` in front, on the disk.
absl::Status MakeFresh(int directory, const std::string& name, int source, uint64_t bytes) {
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd file, MakeTenantFile(directory, name));
  if (source != kNoSource) FLATVM_RETURN_IF_ERROR(CopyContent(source, file.get()));
  return SetLength(file.get(), bytes);
}

absl::Status MakeVolume(int directory, const std::string& volume_id, int source, uint64_t bytes) {
  const std::string name = VolumeFileName(volume_id);
  const std::string fresh = FreshVolumeFileName(volume_id);
  // The rename would find out too, but only after a long copy.
  FLATVM_ASSIGN_OR_RETURN(const bool taken, HasName(directory, name));
  if (taken) return base::InternalError("is there already");
  absl::Status status = MakeFresh(directory, fresh, source, bytes);
  if (status.ok() &&
      ::renameat2(directory, fresh.c_str(), directory, name.c_str(), RENAME_NOREPLACE) != 0) {
    status = base::ErrnoError(errno, base::StrCat("rename ", fresh));
  }
  // What cannot be removed now is removed, and its failure logged, by the caller's undo.
  if (!status.ok()) {
    (void)RemoveName(directory, fresh);
    return status;
  }
  status = SyncOpenDirectory(directory);
  if (!status.ok()) (void)RemoveName(directory, name);
  return status;
}

}  // namespace

std::string VolumeFiles::VolumePath(const std::string& tenant, const std::string& volume_id) const {
  if (!CheckVolume(tenant, volume_id).ok()) return "";
  return base::StrCat(tenants_directory_, "/", tenant, "/", kVolumesDirectory, "/",
                      VolumeFileName(volume_id));
}

absl::StatusOr<TenantFile> VolumeFiles::Open(const std::string& tenant,
                                             const std::string& volume_id, int flags) const {
  const std::string path = VolumePath(tenant, volume_id);
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindVolumesDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return base::InternalError(base::StrCat(path, " is not there"));
  absl::StatusOr<TenantFile> file =
      OpenTenantFile(directory.get(), VolumeFileName(volume_id), flags);
  if (file.ok()) return file;
  return base::WithContext(file.status(), path);
}

absl::Status VolumeFiles::EnsureDirectory(const std::string& tenant) const {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return EnsureVolumesDirectory(tenants_directory_, tenant).status();
}

absl::Status VolumeFiles::CreateVolume(const std::string& tenant, const std::string& volume_id,
                                       uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          EnsureVolumesDirectory(tenants_directory_, tenant));
  return base::WithContext(MakeVolume(directory.get(), volume_id, kNoSource, BytesOf(size_mib)),
                           VolumePath(tenant, volume_id));
}

absl::Status VolumeFiles::CloneVolume(const std::string& tenant, const std::string& source_id,
                                      const std::string& volume_id, uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, source_id));
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const TenantFile source, Open(tenant, source_id, O_RDONLY));
  if (BytesOf(size_mib) < source.bytes) {
    return base::InternalError(base::StrCat(
        "a clone of ", size_mib, " MiB was asked for a volume of ", source.bytes, " bytes"));
  }
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          EnsureVolumesDirectory(tenants_directory_, tenant));
  return base::WithContext(
      MakeVolume(directory.get(), volume_id, source.fd.get(), BytesOf(size_mib)),
      VolumePath(tenant, volume_id));
}

absl::Status VolumeFiles::GrowVolume(const std::string& tenant, const std::string& volume_id,
                                     uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const TenantFile volume, Open(tenant, volume_id, O_RDWR));
  const std::string path = VolumePath(tenant, volume_id);
  if (BytesOf(size_mib) < volume.bytes) {
    return base::InternalError(
        base::StrCat(path, ": has ", volume.bytes, " bytes, more than ", size_mib, " MiB"));
  }
  // Of the size that is asked for already, too: it may not be on the disk yet.
  return base::WithContext(SetLength(volume.fd.get(), BytesOf(size_mib)), path);
}

absl::Status VolumeFiles::RemoveVolume(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindVolumesDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return absl::OkStatus();
  absl::Status status;
  for (const std::string& name : VolumeFileNames(volume_id)) {
    status.Update(RemoveName(directory.get(), name));
  }
  if (status.ok()) status = SyncOpenDirectory(directory.get());
  return base::WithContext(status, VolumePath(tenant, volume_id));
}

absl::StatusOr<std::vector<std::string>> VolumeFiles::ListVolumes(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  std::vector<std::string> ids;
  FLATVM_ASSIGN_OR_RETURN(const base::UniqueFd directory,
                          FindVolumesDirectory(tenants_directory_, tenant));
  if (!directory.valid()) return ids;
  FLATVM_ASSIGN_OR_RETURN(
      const std::vector<std::string> names,
      base::ListDirectory(base::StrCat(tenants_directory_, "/", tenant, "/", kVolumesDirectory)));
  for (const std::string& name : names) {
    const std::string id = name.substr(0, name.find('.'));
    if (!base::IsUuid(id)) continue;
    const std::array<std::string, 3> of_id = VolumeFileNames(id);
    if (std::find(of_id.begin(), of_id.end(), name) == of_id.end()) continue;
    struct stat info {};
    if (::fstatat(directory.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    // The names are sorted: those of one id follow each other.
    if (S_ISREG(info.st_mode) && (ids.empty() || ids.back() != id)) ids.push_back(id);
  }
  return ids;
}

}  // namespace flatvm::storage
