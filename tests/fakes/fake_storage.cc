#include "tests/fakes/fake_storage.h"

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::fakes {
namespace {

absl::Status CheckTenant(const std::string& tenant) {
  return base::IsName(tenant) ? absl::OkStatus() : base::InternalError("not a tenant's name");
}

absl::Status CheckVm(const std::string& tenant, const std::string& vm_id) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return base::IsUuid(vm_id) ? absl::OkStatus() : base::InternalError("not a secondary's id");
}

absl::Status CheckVolume(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  return base::IsUuid(volume_id) ? absl::OkStatus() : base::InternalError("not a volume's id");
}

}  // namespace

FakeStorage::State FakeStorage::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return tenants_;
}

void FakeStorage::AddImage(const storage::CatalogImage& image) {
  const std::lock_guard lock(mutex_);
  images_.insert_or_assign(image.name, image);
}

void FakeStorage::AddUnusableImage(const std::string& name, const std::string& fault) {
  const std::lock_guard lock(mutex_);
  faults_.insert_or_assign(name, fault);
}

absl::StatusOr<storage::CatalogImage> FakeStorage::GetImage(const std::string& name) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(base::CheckName("spec.image", name));
  const std::lock_guard lock(mutex_);
  if (const auto fault = faults_.find(name); fault != faults_.end()) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kImageUnusable,
                           base::StrCat("image \"", name, "\": image.json: ", fault->second));
  }
  if (const auto image = images_.find(name); image != images_.end()) return image->second;
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kImageNotFound,
                         base::StrCat("image \"", name, "\" is not in the catalog"));
}

absl::StatusOr<std::vector<storage::CatalogImage>> FakeStorage::ListCatalog() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::vector<storage::CatalogImage> images;
  for (const auto& [name, image] : images_) {
    if (!faults_.contains(name)) images.push_back(image);
  }
  return images;
}

absl::Status FakeStorage::EnsureTenant(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  tenants_.try_emplace(tenant);
  return absl::OkStatus();
}

absl::Status FakeStorage::RemoveTenant(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  tenants_.erase(tenant);
  return absl::OkStatus();
}

storage::VmFiles FakeStorage::FilesOf(const std::string& tenant, const std::string& vm_id,
                                      const storage::CatalogImage& image) {
  storage::VmFiles files;
  if (!CheckVm(tenant, vm_id).ok()) return files;
  const std::string directory = base::StrCat("/fake/tenants/", tenant, "/vms/", vm_id);
  if (image.disk.has_value()) files.disk_path = directory + "/disk.qcow2";
  files.console_log = directory + "/console.log";
  return files;
}

absl::StatusOr<storage::VmFiles> FakeStorage::CreateVmFiles(const std::string& tenant,
                                                            const std::string& vm_id,
                                                            const storage::CatalogImage& image,
                                                            uint32_t disk_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckVm(tenant, vm_id));
  if (image.disk.has_value() && disk_mib < image.disk->size_mib) {
    return base::InternalError("the disk is smaller than its image");
  }
  const storage::VmFiles files = FilesOf(tenant, vm_id, image);
  const std::lock_guard lock(mutex_);
  const auto it = tenants_.find(tenant);
  if (it == tenants_.end()) return base::InternalError("the tenant has no directory");
  const FakeVmFiles made{.image = image.name,
                         .disk_path = files.disk_path,
                         .disk_mib = image.disk.has_value() ? disk_mib : 0};
  if (!it->second.vms.emplace(vm_id, made).second) return base::InternalError("is there already");
  return files;
}

absl::Status FakeStorage::RemoveVmFiles(const std::string& tenant, const std::string& vm_id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckVm(tenant, vm_id));
  const std::lock_guard lock(mutex_);
  if (const auto it = tenants_.find(tenant); it != tenants_.end()) it->second.vms.erase(vm_id);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FakeStorage::ListVmFiles(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  const auto it = tenants_.find(tenant);
  if (it == tenants_.end()) return ids;
  for (const auto& [id, files] : it->second.vms) ids.push_back(id);
  return ids;
}

std::string FakeStorage::VolumePath(const std::string& tenant, const std::string& volume_id) const {
  if (!CheckVolume(tenant, volume_id).ok()) return "";
  return base::StrCat("/fake/tenants/", tenant, "/volumes/", volume_id, ".raw");
}

absl::Status FakeStorage::CreateVolume(const std::string& tenant, const std::string& volume_id,
                                       uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  const std::lock_guard lock(mutex_);
  const auto it = tenants_.find(tenant);
  if (it == tenants_.end()) return base::InternalError("the tenant has no directory");
  const bool made = it->second.volumes.emplace(volume_id, FakeVolume{.size_mib = size_mib}).second;
  return made ? absl::OkStatus() : base::InternalError("is there already");
}

absl::Status FakeStorage::CloneVolume(const std::string& tenant, const std::string& source_id,
                                      const std::string& volume_id, uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, source_id));
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  const std::lock_guard lock(mutex_);
  FakeVolume* const source = FindVolume(tenant, source_id);
  if (source == nullptr) return base::InternalError("there is nothing to clone");
  if (size_mib < source->size_mib) return base::InternalError("smaller than what is cloned");
  const FakeVolume clone{.size_mib = size_mib, .cloned_of = source_id};
  const bool made = tenants_.at(tenant).volumes.emplace(volume_id, clone).second;
  return made ? absl::OkStatus() : base::InternalError("is there already");
}

absl::Status FakeStorage::GrowVolume(const std::string& tenant, const std::string& volume_id,
                                     uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  const std::lock_guard lock(mutex_);
  FakeVolume* const volume = FindVolume(tenant, volume_id);
  if (volume == nullptr) return base::InternalError("is not there");
  if (size_mib < volume->size_mib) return base::InternalError("is larger already");
  volume->size_mib = size_mib;
  return absl::OkStatus();
}

absl::Status FakeStorage::RemoveVolume(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckVolume(tenant, volume_id));
  const std::lock_guard lock(mutex_);
  if (const auto it = tenants_.find(tenant); it != tenants_.end()) {
    it->second.volumes.erase(volume_id);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> FakeStorage::ListVolumes(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  FLATVM_RETURN_IF_ERROR(CheckTenant(tenant));
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  const auto it = tenants_.find(tenant);
  if (it == tenants_.end()) return ids;
  for (const auto& [id, volume] : it->second.volumes) ids.push_back(id);
  return ids;
}

FakeVolume* FakeStorage::FindVolume(const std::string& tenant, const std::string& volume_id) {
  const auto it = tenants_.find(tenant);
  if (it == tenants_.end()) return nullptr;
  const auto volume = it->second.volumes.find(volume_id);
  return volume == it->second.volumes.end() ? nullptr : &volume->second;
}

}  // namespace flatvm::fakes
