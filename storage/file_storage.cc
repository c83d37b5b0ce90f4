#include "storage/file_storage.h"

#include <sys/stat.h>

#include <cerrno>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "storage/disk_layer.h"
#include "storage/path_ids.h"

namespace flatvm::storage {
namespace {

// QEMU runs as a user of its own and must reach the disk and the console log, so it may search
// these directories, but not list them; what lies in them is root's (0600), or what libvirt makes
// QEMU's for as long as the domain runs.
constexpr mode_t kDirectoryMode = 0711;

bool IsDirectory(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

// Also sets the mode, which mkdir leaves to the umask and another room may have chosen narrower.
absl::Status EnsureDirectory(const std::string& path) {
  FLATVM_RETURN_IF_ERROR(base::MakeDirectoryDurably(path, kDirectoryMode));
  if (!IsDirectory(path)) return base::InternalError(base::StrCat(path, " is not a directory"));
  if (::chmod(path.c_str(), kDirectoryMode) != 0) {
    return base::ErrnoError(errno, base::StrCat("chmod ", path));
  }
  return absl::OkStatus();
}

// Removes `name` with all below it and makes that last, so that a crash does not bring it back.
absl::Status RemoveTreeDurably(const std::string& parent, const std::string& name) {
  if (!IsDirectory(parent)) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(base::RemoveTree(base::StrCat(parent, "/", name)));
  return SyncDirectory(parent);
}

}  // namespace

FileStorage::FileStorage(const FileStorageSettings& settings)
    : tenants_directory_(base::StrCat(settings.state_dir, "/tenants")),
      qemu_img_program_(settings.qemu_img_program),
      catalog_(settings.catalog_dir) {}

std::string FileStorage::TenantDirectory(const std::string& tenant) const {
  return base::StrCat(tenants_directory_, "/", tenant);
}

std::string FileStorage::VmsDirectory(const std::string& tenant) const {
  return base::StrCat(TenantDirectory(tenant), "/vms");
}

absl::StatusOr<CatalogImage> FileStorage::GetImage(const std::string& name) {
  return catalog_.GetImage(name);
}

absl::StatusOr<std::vector<CatalogImage>> FileStorage::ListCatalog() {
  return catalog_.ListImages();
}

absl::Status FileStorage::EnsureTenant(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  FLATVM_RETURN_IF_ERROR(EnsureDirectory(tenants_directory_));
  FLATVM_RETURN_IF_ERROR(EnsureDirectory(TenantDirectory(tenant)));
  return EnsureDirectory(VmsDirectory(tenant));
}

absl::Status FileStorage::RemoveTenant(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return RemoveTreeDurably(tenants_directory_, tenant);
}

VmFiles FileStorage::FilesOf(const std::string& tenant, const std::string& vm_id,
                             const CatalogImage& image) {
  VmFiles files;
  if (!CheckVm(tenant, vm_id).ok()) return files;
  const std::string directory = base::StrCat(VmsDirectory(tenant), "/", vm_id);
  if (image.disk.has_value()) files.disk_path = directory + "/disk.qcow2";
  files.console_log = directory + "/console.log";  // made by libvirt's virtlogd
  return files;
}

absl::StatusOr<VmFiles> FileStorage::CreateVmFiles(const std::string& tenant,
                                                   const std::string& vm_id,
                                                   const CatalogImage& image, uint32_t disk_mib) {
  FLATVM_RETURN_IF_ERROR(CheckVm(tenant, vm_id));
  if (image.disk.has_value() && disk_mib < image.disk->size_mib) {
    return base::InternalError(base::StrCat("a disk of ", disk_mib, " MiB was asked for image \"",
                                            image.name, "\" of ", image.disk->size_mib, " MiB"));
  }
  const std::string vms_directory = VmsDirectory(tenant);
  if (!IsDirectory(vms_directory)) {
    return base::InternalError(base::StrCat("tenant ", tenant, " has no directory"));
  }
  const std::string directory = base::StrCat(vms_directory, "/", vm_id);
  struct stat info {};
  if (::lstat(directory.c_str(), &info) == 0) {
    return base::InternalError(base::StrCat(directory, " is there already"));
  }
  const VmFiles files = FilesOf(tenant, vm_id, image);
  absl::Status status = EnsureDirectory(directory);
  if (status.ok() && image.disk.has_value()) {
    status = MakeDiskLayer(qemu_img_program_, files.disk_path, *image.disk, disk_mib);
    if (status.ok()) status = SyncDirectory(directory);
  }
  if (status.ok()) return files;
  // What cannot be removed now is removed, and its failure logged, by the caller's undo:
  // RemoveVmFiles.
  (void)RemoveTreeDurably(vms_directory, vm_id);
  return status;
}

absl::Status FileStorage::RemoveVmFiles(const std::string& tenant, const std::string& vm_id) {
  FLATVM_RETURN_IF_ERROR(CheckVm(tenant, vm_id));
  return RemoveTreeDurably(VmsDirectory(tenant), vm_id);
}

absl::StatusOr<std::vector<std::string>> FileStorage::ListVmFiles(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::string directory = VmsDirectory(tenant);
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> names, base::ListDirectory(directory));
  std::vector<std::string> ids;
  for (const std::string& name : names) {
    // Records, <id>.json, lie beside the directories.
    if (base::IsUuid(name) && IsDirectory(base::StrCat(directory, "/", name))) ids.push_back(name);
  }
  return ids;
}

}  // namespace flatvm::storage
