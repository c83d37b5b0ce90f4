#include "daemon/broker/caller_check.h"

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/current_record.h"

namespace flatvm::broker {
namespace {

absl::Status Refuse(std::string_view why) {
  return base::MakeError(absl::StatusCode::kPermissionDenied, base::Reason::kPolicyForbids, why);
}

}  // namespace

absl::Status CallerCheck::Verify(const TenantRecord& tenant) {
  auto primary = ports_.hypervisor.GetPrimary(tenant.primary_uuid);
  if (!primary.ok()) return primary.status();
  if (!primary->running) return Refuse("the tenant's primary is not running");
  if (primary->live_cid != tenant.cid) return Refuse("the tenant's primary runs without its CID");
  if (primary->boot_id == tenant.primary_boot_id) return absl::OkStatus();

  // A new boot: what the earlier one had open must not speak for this one.
  ports_.gate.DropConnections(tenant.name);
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* entry = state->FindTenant(tenant.name);
    if (entry == nullptr || entry->changing) return Refuse("the tenant is being removed");
    entry->record.primary_boot_id = primary->boot_id;
  }
  return PutCurrentRecord(ports_, registry_, tenant.name);
}

absl::StatusOr<std::string> CallerCheck::Identify(base::VsockCid cid) {
  TenantRecord tenant;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* entry = state->FindTenantByCid(cid);
    if (entry == nullptr) return Refuse(base::StrCat("CID ", cid.value, " is no primary's"));
    if (entry->record.state != TenantState::kReady) return Refuse("the tenant is not ready");
    tenant = entry->record;
  }
  const absl::Status status = Verify(tenant);
  const bool unverified = status.code() == absl::StatusCode::kUnavailable;
  if (!status.ok() && !unverified) return status;
  Registry::Access state = registry_.Acquire();
  TenantEntry* entry = state->FindTenant(tenant.name);
  if (entry == nullptr) return Refuse("the tenant is being removed");
  entry->unverified = unverified;
  return tenant.name;
}

absl::Status CallerCheck::ConfirmTenant(const std::string& tenant) {
  TenantRecord record;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    if (!entry->unverified) return absl::OkStatus();
    record = entry->record;
  }
  const absl::Status status = Verify(record);
  if (status.code() == absl::StatusCode::kPermissionDenied) ports_.gate.DropConnections(tenant);
  FLATVM_RETURN_IF_ERROR(status);
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* entry = state->FindTenant(tenant); entry != nullptr) entry->unverified = false;
  return absl::OkStatus();
}

}  // namespace flatvm::broker
