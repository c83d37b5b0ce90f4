#include "daemon/broker/quota_plug.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "daemon/broker/admission.h"

namespace flatvm::broker {
namespace {

// As its guest finds it: /dev/disk/by-id/virtio-flatvm-quota.
constexpr char kQuotaSerial[] = "flatvm-quota";

// Its files are between two sizes: the end of that comes first.
bool IsMoving(const TenantEntry& tenant) {
  return std::any_of(tenant.volumes.begin(), tenant.volumes.end(), [](const auto& entry) {
    return entry.second.state == VolumeState::kMoving ||
           entry.second.state == VolumeState::kReturning;
  });
}

}  // namespace

absl::Status QuotaPlug::Ensure(const std::string& tenant_name) {
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr || tenant->record.quota_disk_mib == 0) return absl::OkStatus();
    locks = tenant->locks;
  }
  const std::lock_guard lock(locks->quota);
  return EnsureLocked(tenant_name, *locks);
}

absl::Status QuotaPlug::EnsureLocked(const std::string& tenant_name, TenantLocks& locks) {
  absl::Status status = Bring(tenant_name, locks);
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(tenant_name); tenant != nullptr) {
    tenant->quota_pending = !status.ok();
  }
  return status;
}

absl::Status QuotaPlug::Bring(const std::string& tenant_name, TenantLocks& locks) {
  TenantRecord record;
  uint32_t size_mib = 0;
  {
    Registry::Access state = registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr || tenant->record.state == TenantState::kRemoving || IsMoving(*tenant)) {
      return absl::OkStatus();
    }
    record = tenant->record;
    size_mib = QuotaDiskMib(record, tenant->volumes);
  }
  FLATVM_RETURN_IF_ERROR(ports_.quota_disks.EnsureQuotaDisk(tenant_name, size_mib));
  FLATVM_RETURN_IF_ERROR(ports_.quota_disks.GrowQuotaDisk(tenant_name, size_mib));
  ports_.steps.Pass("plug.sized");
  const std::lock_guard disks(locks.disks);
  FLATVM_RETURN_IF_ERROR(Plug(record));
  ports_.steps.Pass("plug.plugged");
  FLATVM_RETURN_IF_ERROR(ports_.primary_disks.AnnounceSize(
      record.primary_uuid, ports_.quota_disks.QuotaDiskPath(tenant_name),
      size_mib * base::kMebibyte));
  ports_.steps.Pass("plug.announced");
  return absl::OkStatus();
}

absl::Status QuotaPlug::Plug(const TenantRecord& tenant) {
  const hypervisor::PrimaryDisk disk{.path = ports_.quota_disks.QuotaDiskPath(tenant.name),
                                     .serial = kQuotaSerial};
  absl::Status status = ports_.primary_disks.Attach(tenant.primary_uuid, disk);
  // A primary that was started before its tenant was made has no port for it until its next start.
  if (base::GetErrorInfo(status).reason == base::Reason::kPrimaryHasNoSlot) {
    status = ports_.primary_disks.AttachToDefinition(tenant.primary_uuid, disk);
  }
  return status;
}

absl::Status QuotaPlug::Unplug(const TenantRecord& tenant) {
  if (tenant.quota_disk_mib == 0) return absl::OkStatus();
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* entry = state->FindTenant(tenant.name)) locks = entry->locks;
  }
  // Nobody else knows a tenant that is not in the registry.
  if (locks == nullptr) return UnplugLocked(tenant);
  const std::scoped_lock lock(locks->quota, locks->disks);
  ports_.quota_disks.Dismiss(tenant.name);
  return UnplugLocked(tenant);
}

absl::Status QuotaPlug::UnplugLocked(const TenantRecord& tenant) {
  absl::Status status = ports_.primary_disks.Detach(
      tenant.primary_uuid, ports_.quota_disks.QuotaDiskPath(tenant.name), settings_.detach_timeout);
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* entry = state->FindTenant(tenant.name); entry != nullptr) {
    entry->quota_kept = base::GetErrorInfo(status).reason == base::Reason::kPrimaryKeepsDisk;
  }
  return status;
}

absl::StatusOr<std::unique_ptr<QuotaTurn>> QuotaPlug::TakeTurn(const std::string& tenant_name) {
  TenantRecord record;
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(tenant_name));
    FLATVM_RETURN_IF_ERROR(RegistryState::CheckQuotaDisk(*tenant));
    record = tenant->record;
    locks = tenant->locks;
  }
  return std::make_unique<QuotaTurn>(*this, std::move(record), std::move(locks));
}

QuotaTurn::~QuotaTurn() {
  if (!disks_.owns_lock()) return;
  if (const absl::Status status = PlugIn(); !status.ok()) {
    plug_.ports_.log.Log(
        base::LogLevel::kWarning,
        base::StrCat("plugging a quota disk in failed, to be tried again: ", base::Message(status)),
        base::LogFields{.tenant = tenant_.name});
  }
}

void QuotaTurn::Prepare() {
  if (prepared_ == nullptr) prepared_ = plug_.ports_.quota_disks.Prepare(tenant_.name);
}

absl::Status QuotaTurn::Unplug() {
  if (disks_.owns_lock()) return absl::OkStatus();
  disks_ = std::unique_lock(locks_->disks);
  Prepare();
  return plug_.UnplugLocked(tenant_);
}

absl::Status QuotaTurn::PlugIn() {
  prepared_ = nullptr;
  const bool was_out = disks_.owns_lock();
  if (was_out) disks_.unlock();
  FLATVM_RETURN_IF_ERROR(plug_.EnsureLocked(tenant_.name, *locks_));
  if (was_out) plug_.ports_.quota_disks.KeepReady(tenant_.name);
  return absl::OkStatus();
}

}  // namespace flatvm::broker
