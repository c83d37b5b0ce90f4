#include "daemon/broker/carver.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {
namespace {

constexpr std::chrono::milliseconds kPoll{20};
// A driver that is there answers within a second or two; a primary whose kernel has none need not
// be waited for.
constexpr std::chrono::seconds kDriverAnswersWithin{5};

absl::Status Keeps(std::string_view why) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryKeepsMemory,
                         why);
}

bool HasReason(const absl::Status& status, base::Reason reason) {
  return base::GetErrorInfo(status).reason == reason;
}

// A primary that is off, or gone, has no share to be set.
absl::Status OkIfNotRunning(const absl::Status& status) {
  const bool off = HasReason(status, base::Reason::kPrimaryNotRunning) ||
                   HasReason(status, base::Reason::kPrimaryNotDefined);
  return off ? absl::OkStatus() : status;
}

}  // namespace

absl::StatusOr<std::optional<Carver::Share>> Carver::FindShare(const std::string& tenant) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
  if (entry->record.carve.mode != CarveMode::kBalloon) return std::optional<Share>();
  return std::optional<Share>(
      Share{.primary_uuid = entry->record.primary_uuid,
            .grant = GrantOf(entry->record, entry->Ceiling(), entry->vms, settings_)});
}

absl::StatusOr<std::shared_ptr<TenantLocks>> Carver::LocksOf(const std::string& tenant) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
  return entry->locks;
}

absl::Status Carver::SetShare(const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(const std::shared_ptr<TenantLocks> locks, LocksOf(tenant));
  const std::lock_guard lock(locks->share);
  FLATVM_ASSIGN_OR_RETURN(const std::optional<Share> share, FindShare(tenant));
  if (!share.has_value()) return absl::OkStatus();
  // It may have been started with less than it was recorded with.
  FLATVM_ASSIGN_OR_RETURN(const hypervisor::PrimaryMemory memory,
                          ports_.primary_share.ReadMemory(share->primary_uuid));
  FLATVM_RETURN_IF_ERROR(ports_.primary_share.SetMemory(
      share->primary_uuid, std::min(share->grant.memory_mib, memory.maximum_mib)));
  return ports_.primary_share.SetCpuQuota(share->primary_uuid, share->grant.cpu_percent);
}

absl::StatusOr<bool> Carver::IsTaken(const std::string& tenant, uint32_t domain_id,
                                     hypervisor::PrimaryMemory* memory, uint32_t* grant_mib) {
  // Anew each time: a sibling's create that was given up leaves the primary more.
  FLATVM_ASSIGN_OR_RETURN(const std::optional<Share> share, FindShare(tenant));
  if (!share.has_value()) return true;
  *grant_mib = share->grant.memory_mib;
  FLATVM_ASSIGN_OR_RETURN(*memory, ports_.primary_share.ReadMemory(share->primary_uuid));
  if (memory->actual_mib > *grant_mib) return false;
  // What the balloon says, the guest says. The kernel's count is the proof.
  FLATVM_ASSIGN_OR_RETURN(const uint64_t held_bytes,
                          ports_.cgroups.ReadVmMemory(tenant, domain_id));
  return held_bytes <= (uint64_t{*grant_mib} + settings_.vmm_overhead_mib) * base::kMebibyte;
}

absl::Status Carver::AwaitTaken(const std::string& tenant, uint32_t domain_id) {
  const auto begun = ports_.clock.Steady();
  while (true) {
    hypervisor::PrimaryMemory memory;
    uint32_t grant_mib = 0;
    FLATVM_ASSIGN_OR_RETURN(const bool taken, IsTaken(tenant, domain_id, &memory, &grant_mib));
    if (taken) return absl::OkStatus();
    const auto waited = ports_.clock.Steady() - begun;
    if (!memory.has_driver && waited >= kDriverAnswersWithin) {
      return Keeps("the primary's kernel has no balloon driver that answers (virtio_balloon)");
    }
    if (waited >= settings_.carve_timeout) {
      return Keeps(base::StrCat("the primary was asked to keep ", grant_mib,
                                " MiB of memory, but after ", settings_.carve_timeout.count(),
                                " ms it still had ", memory.actual_mib,
                                " MiB; free memory in it, or ask for less"));
    }
    ports_.clock.SleepFor(kPoll);
  }
}

absl::Status Carver::Take(const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<Share> share, FindShare(tenant));
  if (!share.has_value()) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const hypervisor::PrimaryInfo primary,
                          ports_.hypervisor.GetPrimary(share->primary_uuid));
  if (!primary.running) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryNotRunning,
                           "the primary does not run");
  }
  if (!primary.balloon_lack.empty()) {
    return Keeps(base::StrCat("nothing can be taken from the primary: ", primary.balloon_lack));
  }
  if (primary.live_partition != cgroups::PartitionPath(tenant)) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition,
                           base::Reason::kPrimaryNeedsRestart,
                           "the primary does not run in its tenant's slice yet: restart it");
  }
  FLATVM_RETURN_IF_ERROR(SetShare(tenant));
  return AwaitTaken(tenant, primary.domain_id);
}

absl::Status Carver::Adjust(const std::string& tenant) { return OkIfNotRunning(SetShare(tenant)); }

absl::Status Carver::Release(const TenantRecord& tenant) {
  FLATVM_ASSIGN_OR_RETURN(const std::shared_ptr<TenantLocks> locks, LocksOf(tenant.name));
  const std::lock_guard lock(locks->share);
  const std::string& uuid = tenant.primary_uuid;
  const auto memory = ports_.primary_share.ReadMemory(uuid);
  if (!memory.ok()) return OkIfNotRunning(memory.status());
  const absl::Status status = ports_.primary_share.SetMemory(uuid, memory->maximum_mib);
  // Nothing can have been taken from a primary without a balloon.
  if (!HasReason(status, base::Reason::kPrimaryKeepsMemory)) {
    FLATVM_RETURN_IF_ERROR(OkIfNotRunning(status));
  }
  return OkIfNotRunning(ports_.primary_share.SetCpuQuota(uuid, 0));
}

}  // namespace flatvm::broker
