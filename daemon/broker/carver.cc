#include "daemon/broker/carver.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {
namespace {

// Each look costs the hypervisor two questions to the primary's QEMU, which has a balloon to empty
// meanwhile: looks get rarer the longer it takes, and cost an eighth of the wait at most.
constexpr std::chrono::milliseconds kFirstPoll{20};
constexpr std::chrono::milliseconds kLastPoll{500};
constexpr int kWaitsInAPoll = 8;
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
  Share share{.primary_uuid = entry->record.primary_uuid,
              .grant = GrantOf(entry->record, entry->Ceiling(), entry->vms, settings_)};
  for (const auto& [id, vm] : entry->vms) {
    share.vms[id] = vm.spec.memory_mib + settings_.vmm_overhead_mib;
  }
  return std::optional<Share>(std::move(share));
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

absl::StatusOr<Carver::Progress> Carver::Look(const Taking& taking) {
  // Anew each time: a sibling's create that was given up leaves the primary more.
  FLATVM_ASSIGN_OR_RETURN(const std::optional<Share> share, FindShare(taking.tenant));
  if (!share.has_value()) return Progress{.taken = true};
  uint64_t wanted_mib = share->grant.memory_mib;
  for (const auto& [id, memory_mib] : share->vms) {
    if (!taking.vms.contains(id)) wanted_mib += memory_mib;
  }
  FLATVM_ASSIGN_OR_RETURN(const hypervisor::PrimaryMemory memory,
                          ports_.primary_share.ReadMemory(share->primary_uuid));
  Progress progress{
      .wanted_mib = static_cast<uint32_t>(std::min<uint64_t>(wanted_mib, memory.maximum_mib)),
      .memory = memory};
  if (memory.actual_mib > progress.wanted_mib) return progress;
  // What the balloon says, the guest says. The kernel's count is the proof.
  FLATVM_ASSIGN_OR_RETURN(const uint64_t held_bytes,
                          ports_.cgroups.ReadVmMemory(taking.tenant, taking.domain_id));
  const uint64_t bound_mib = uint64_t{progress.wanted_mib} + settings_.vmm_overhead_mib;
  progress.taken = held_bytes <= bound_mib * base::kMebibyte;
  return progress;
}

absl::Status Carver::Await(const Taking& taking) {
  const auto begun = ports_.clock.Steady();
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(const Progress progress, Look(taking));
    if (progress.taken) return absl::OkStatus();
    const auto waited = ports_.clock.Steady() - begun;
    if (!progress.memory.has_driver && waited >= kDriverAnswersWithin) {
      return Keeps("the primary's kernel has no balloon driver that answers (virtio_balloon)");
    }
    if (waited >= settings_.carve_timeout) {
      return Keeps(base::StrCat("the primary was asked to keep ", progress.wanted_mib,
                                " MiB of memory, but after ", settings_.carve_timeout.count(),
                                " ms it still had ", progress.memory.actual_mib,
                                " MiB; free memory in it, or ask for less"));
    }
    ports_.clock.SleepFor(std::clamp<std::chrono::steady_clock::duration>(waited / kWaitsInAPoll,
                                                                          kFirstPoll, kLastPoll));
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
  return Await({.tenant = tenant, .domain_id = primary.domain_id, .vms = share->vms});
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
