#include "daemon/broker/registry.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {

VmRecord* TenantEntry::FindVm(const std::string& reference) {
  if (const auto it = vms.find(reference); it != vms.end()) return &it->second;
  for (auto& [id, vm] : vms) {
    if (vm.spec.name == reference) return &vm;
  }
  return nullptr;
}

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

bool RegistryState::HasCid(base::VsockCid cid) const {
  for (const auto& [name, entry] : tenants) {
    if (entry.record.cid == cid) return true;
    for (const auto& [id, vm] : entry.vms) {
      if (vm.cid == cid) return true;
    }
  }
  return false;
}

}  // namespace flatvm::broker
