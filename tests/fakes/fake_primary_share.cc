#include "tests/fakes/fake_primary_share.h"

#include <algorithm>

#include "daemon/base/error.h"
#include "daemon/hypervisor/domain_facts.h"

namespace flatvm::fakes {
namespace {

// What the guest does at once.
void Settle(FakePrimary* primary) {
  FakeRun& run = primary->run;
  const bool falls = run.target_mib < run.actual_mib;
  if (primary->guest == BalloonGuest::kNoDriver) return;
  if (primary->guest == BalloonGuest::kKeeps && falls) {
    run.actual_mib = std::min(run.actual_mib, std::max(run.target_mib, primary->keeps_mib));
    return;
  }
  if (primary->guest == BalloonGuest::kSlow && falls && run.pending_reads > 0) return;
  run.actual_mib = run.target_mib;
  run.pending_reads = 0;
}

}  // namespace

absl::Status FakePrimaryShare::UseRunning(const std::string& uuid,
                                          const std::function<absl::Status(FakePrimary*)>& use) {
  return hypervisor_.UsePrimary(uuid, [&](FakePrimary* primary) {
    if (!primary->live_xml.empty()) return use(primary);
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryNotRunning,
                           "the primary does not run");
  });
}

absl::StatusOr<hypervisor::PrimaryMemory> FakePrimaryShare::ReadMemory(const std::string& uuid) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  hypervisor::PrimaryMemory memory;
  FLATVM_RETURN_IF_ERROR(UseRunning(uuid, [&](FakePrimary* primary) {
    FLATVM_ASSIGN_OR_RETURN(const hypervisor::DomainFacts facts,
                            hypervisor::ParseDomainXml(primary->live_xml));
    FakeRun& run = primary->run;
    Settle(primary);  // it may behave differently since it was asked
    memory = {.maximum_mib = run.maximum_mib,
              .actual_mib = run.actual_mib,
              .has_driver = facts.balloon.present && primary->guest != BalloonGuest::kNoDriver};
    if (run.pending_reads > 0 && --run.pending_reads == 0) Settle(primary);
    return absl::OkStatus();
  }));
  return memory;
}

absl::Status FakePrimaryShare::SetMemory(const std::string& uuid, uint32_t memory_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  return UseRunning(uuid, [&](FakePrimary* primary) {
    FLATVM_ASSIGN_OR_RETURN(const hypervisor::DomainFacts facts,
                            hypervisor::ParseDomainXml(primary->live_xml));
    FakeRun& run = primary->run;
    if (memory_mib == 0 || memory_mib > run.maximum_mib) {
      return base::InternalError("a primary cannot have that much memory");
    }
    if (!facts.balloon.present) {
      return base::MakeError(absl::StatusCode::kFailedPrecondition,
                             base::Reason::kPrimaryKeepsMemory, "it has no memory balloon device");
    }
    if (memory_mib != run.target_mib) run.pending_reads = primary->slow_reads;
    run.target_mib = memory_mib;
    Settle(primary);
    return absl::OkStatus();
  });
}

absl::Status FakePrimaryShare::SetCpuQuota(const std::string& uuid, uint32_t cpu_percent) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  return UseRunning(uuid, [&](FakePrimary* primary) {
    primary->run.cpu_percent = cpu_percent;
    return absl::OkStatus();
  });
}

absl::StatusOr<uint32_t> FakePrimaryShare::ReadCpuQuota(const std::string& uuid) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  uint32_t cpu_percent = 0;
  FLATVM_RETURN_IF_ERROR(UseRunning(uuid, [&](FakePrimary* primary) {
    cpu_percent = primary->run.cpu_percent;
    return absl::OkStatus();
  }));
  return cpu_percent;
}

}  // namespace flatvm::fakes
