#include "daemon/broker/registry.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {

TenantEntry* RegistryState::FindTenant(const std::string& name) {
  const auto it = tenants.find(name);
  return it == tenants.end() ? nullptr : &it->second;
}

TenantEntry* RegistryState::FindTenantByCid(base::VsockCid cid) {
  for (auto& [name, entry] : tenants) {
    if (entry.record.cid == cid) return &entry;
  }
  return nullptr;
}

TenantEntry* RegistryState::FindTenantByPrimary(const std::string& uuid) {
  for (auto& [name, entry] : tenants) {
    if (entry.record.primary_uuid == uuid) return &entry;
  }
  return nullptr;
}

absl::StatusOr<TenantEntry*> RegistryState::GetTenant(const std::string& name) {
  TenantEntry* entry = FindTenant(name);
  if (entry != nullptr) return entry;
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kTenantNotFound,
                         base::StrCat("there is no tenant \"", base::EscapeForLog(name, 40), "\""));
}

absl::StatusOr<TenantEntry*> RegistryState::GetReadyTenant(const std::string& name) {
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, GetTenant(name));
  if (entry->record.state == TenantState::kReady && !entry->changing) return entry;
  return base::MakeError(
      absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
      base::StrCat("tenant \"", name, "\" is being created or removed; try again later"));
}

absl::StatusOr<VmRecord*> RegistryState::GetVm(TenantEntry& tenant, const std::string& reference) {
  VmRecord* vm = tenant.FindVm(reference);
  if (vm != nullptr) return vm;
  return base::MakeError(
      absl::StatusCode::kNotFound, base::Reason::kVmNotFound,
      base::StrCat("there is no secondary \"", base::EscapeForLog(reference, 40), "\""));
}

absl::StatusOr<VolumeRecord*> RegistryState::GetVolume(TenantEntry& tenant,
                                                       const std::string& reference) {
  VolumeRecord* volume = tenant.FindVolume(reference);
  if (volume != nullptr) return volume;
  return base::MakeError(
      absl::StatusCode::kNotFound, base::Reason::kVolumeNotFound,
      base::StrCat("there is no volume \"", base::EscapeForLog(reference, 40), "\""));
}

absl::StatusOr<const NetworkRecord*> RegistryState::GetNetwork(const TenantEntry& tenant,
                                                               const std::string& field,
                                                               const std::string& name) {
  const NetworkRecord* const network = tenant.FindNetwork(name);
  if (network == nullptr) {
    return base::MakeError(
        absl::StatusCode::kNotFound,
        base::ErrorInfo{.reason = base::Reason::kNetworkNotFound, .field = field},
        base::StrCat("there is no network \"", base::EscapeForLog(name, 40), "\""));
  }
  if (tenant.changing_network != name) return network;
  return base::MakeError(
      absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
      base::StrCat("network \"", name, "\" is being made or removed; try again later"));
}

absl::Status RegistryState::CheckQuotaDisk(const TenantEntry& tenant) {
  if (tenant.record.quota_disk_mib != 0) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kNoQuotaDisk,
                         base::StrCat("tenant \"", tenant.record.name,
                                      "\" has no quota disk; its operator gives it one"));
}

absl::StatusOr<ImageRecord*> RegistryState::GetImage(TenantEntry& tenant,
                                                     const std::string& reference) {
  ImageRecord* image = tenant.FindImage(reference);
  if (image != nullptr) return image;
  return base::MakeError(
      absl::StatusCode::kNotFound, base::Reason::kImageNotFound,
      base::StrCat("there is no own image \"", base::EscapeForLog(reference, 40), "\""));
}

absl::Status RegistryState::CheckVolumeName(const TenantEntry& tenant, const std::string& name) {
  const bool taken = std::any_of(tenant.volumes.begin(), tenant.volumes.end(),
                                 [&](const auto& entry) { return entry.second.name == name; });
  if (!taken) return absl::OkStatus();
  return base::MakeError(absl::StatusCode::kAlreadyExists,
                         base::ErrorInfo{.reason = base::Reason::kVolumeNameTaken, .field = "name"},
                         base::StrCat("there is a volume \"", name, "\" already"));
}

absl::StatusOr<VolumeRecord*> RegistryState::GetIdleVolume(TenantEntry& tenant,
                                                           const std::string& reference) {
  FLATVM_ASSIGN_OR_RETURN(VolumeRecord * volume, GetVolume(tenant, reference));
  if (volume->state == VolumeState::kReady && !tenant.in_flight.contains(volume->id)) return volume;
  return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                         base::StrCat("another change of volume \"", volume->name,
                                      "\" is under way; try again later"));
}

absl::StatusOr<VolumeRecord*> RegistryState::GetFreeVolume(TenantEntry& tenant,
                                                           const std::string& reference) {
  FLATVM_ASSIGN_OR_RETURN(VolumeRecord * volume, GetIdleVolume(tenant, reference));
  const std::string holder = tenant.HolderOf(*volume);
  if (holder.empty()) return volume;
  const std::string whose =
      holder == kPrimaryHostname
          ? "the primary has it; detach it first"
          : base::StrCat("secondary \"", holder, "\" has it until it is destroyed");
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kVolumeInUse,
                         base::StrCat("volume \"", volume->name, "\" is in use: ", whose));
}

bool RegistryState::HasCid(base::VsockCid cid) const {
  for (const auto& [name, entry] : tenants) {
    if (entry.record.cid == cid) return true;
    for (const auto& [id, vm] : entry.vms) {
      if (vm.cid == cid) return true;
    }
  }
  return false;
}

std::set<std::string> RegistryState::ListDomains() const {
  std::set<std::string> uuids;
  for (const auto& [name, tenant] : tenants) {
    uuids.insert(tenant.record.primary_uuid);
    for (const auto& [id, vm] : tenant.vms) uuids.insert(id);
  }
  return uuids;
}

}  // namespace flatvm::broker
