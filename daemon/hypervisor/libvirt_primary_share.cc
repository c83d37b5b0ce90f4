#include "daemon/hypervisor/libvirt_primary_share.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <array>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/cpu_quota.h"
#include "daemon/hypervisor/domain_lookup.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/errors.h"

namespace flatvm::hypervisor {
namespace {

// Costs the guest a wake-up and some 200 bytes each time.
constexpr int kReportPeriodS = 2;
constexpr uint64_t kKibPerMib = 1024;
constexpr int kMaxParameters = 16;  // as libvirt's protocol has it

absl::Status NotRunning() {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryNotRunning,
                         "the primary does not run");
}

absl::Status KeepsMemory(std::string_view why) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryKeepsMemory,
                         base::StrCat("nothing can be taken from the primary: ", why));
}

absl::StatusOr<Primary> GetRunning(virConnectPtr connection, const std::string& uuid) {
  FLATVM_ASSIGN_OR_RETURN(Primary primary, GetPrimaryDomain(connection, uuid));
  if (primary.current.id == kNotRunning) return NotRunning();
  return primary;
}

// What `failure`, libvirt's answer to a call on `primary`, means: libvirt has one error for a
// domain that stopped meanwhile and for much else.
absl::Status Explain(virConnectPtr connection, const Primary& primary, absl::Status failure) {
  if (absl::IsUnavailable(failure)) return failure;
  FLATVM_ASSIGN_OR_RETURN(const int run, GetRun(connection, primary.current.uuid));
  return run == primary.current.id ? failure : NotRunning();
}

uint32_t CeilMib(uint64_t kib) {
  return static_cast<uint32_t>((kib + kKibPerMib - 1) / kKibPerMib);
}

// A domain without a balloon, or whose QEMU does not say, has all of its memory.
PrimaryMemory MemoryOf(uint32_t maximum_mib, const virDomainMemoryStatStruct* stats, int count) {
  PrimaryMemory memory{.maximum_mib = maximum_mib, .actual_mib = maximum_mib};
  for (int i = 0; i < count; ++i) {
    if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON) {
      memory.actual_mib = CeilMib(stats[i].val);
    } else if (stats[i].tag == VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE) {
      memory.has_driver = stats[i].val != 0;
    }
  }
  return memory;
}

virTypedParameter Parameter(std::string_view name, virTypedParameterType type) {
  virTypedParameter parameter{};
  name.copy(parameter.field, sizeof(parameter.field) - 1);
  parameter.type = type;
  return parameter;
}

}  // namespace

absl::StatusOr<PrimaryMemory> LibvirtPrimaryShare::ReadMemory(const std::string& uuid) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetRunning(connection.get(), uuid));
  virDomain* const domain = primary.domain.get();
  const BalloonFacts& balloon = primary.current.balloon;
  if (balloon.present && balloon.report_period_s == 0 &&
      virDomainSetMemoryStatsPeriod(domain, kReportPeriodS, VIR_DOMAIN_AFFECT_LIVE) != 0) {
    return Explain(connection.get(), primary,
                   libvirt::LastError("making a primary's balloon driver report"));
  }
  std::array<virDomainMemoryStatStruct, VIR_DOMAIN_MEMORY_STAT_NR> stats{};
  const int count = virDomainMemoryStats(domain, stats.data(), stats.size(), 0);
  if (count < 0) {
    return Explain(connection.get(), primary, libvirt::LastError("reading a primary's memory"));
  }
  return MemoryOf(primary.current.memory_mib, stats.data(), count);
}

absl::Status LibvirtPrimaryShare::SetMemory(const std::string& uuid, uint32_t memory_mib) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetRunning(connection.get(), uuid));
  if (memory_mib == 0 || memory_mib > primary.current.memory_mib) {
    return base::InternalError(base::StrCat("a primary of ", primary.current.memory_mib,
                                            " MiB cannot have ", memory_mib, " MiB"));
  }
  if (!primary.current.balloon.present) return KeepsMemory("it has no memory balloon device");
  if (virDomainSetMemoryFlags(primary.domain.get(), memory_mib * kKibPerMib,
                              VIR_DOMAIN_AFFECT_LIVE) == 0) {
    return absl::OkStatus();
  }
  // Of a domain that runs: QEMU has no balloon, or one that this host's KVM cannot serve.
  const bool no_balloon = virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID;
  const absl::Status failure = libvirt::LastError("setting a primary's memory");
  return Explain(connection.get(), primary,
                 no_balloon ? KeepsMemory("its balloon does not work") : failure);
}

absl::Status LibvirtPrimaryShare::SetCpuQuota(const std::string& uuid, uint32_t cpu_percent) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetRunning(connection.get(), uuid));
  std::array parameters = {
      Parameter(VIR_DOMAIN_SCHEDULER_GLOBAL_PERIOD, VIR_TYPED_PARAM_ULLONG),
      Parameter(VIR_DOMAIN_SCHEDULER_GLOBAL_QUOTA, VIR_TYPED_PARAM_LLONG),
  };
  parameters[0].value.ul = kQuotaPeriodUs;
  parameters[1].value.l = QuotaUsOf(cpu_percent);
  if (virDomainSetSchedulerParametersFlags(primary.domain.get(), parameters.data(),
                                           parameters.size(), VIR_DOMAIN_AFFECT_LIVE) == 0) {
    return absl::OkStatus();
  }
  return Explain(connection.get(), primary, libvirt::LastError("setting a primary's CPU quota"));
}

absl::StatusOr<uint32_t> LibvirtPrimaryShare::ReadCpuQuota(const std::string& uuid) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetRunning(connection.get(), uuid));
  std::array<virTypedParameter, kMaxParameters> parameters{};
  int count = kMaxParameters;
  if (virDomainGetSchedulerParametersFlags(primary.domain.get(), parameters.data(), &count,
                                           VIR_DOMAIN_AFFECT_LIVE) != 0) {
    return Explain(connection.get(), primary, libvirt::LastError("reading a primary's CPU quota"));
  }
  // Left out, and so 0, where the kernel has no quotas.
  unsigned long long period_us = 0;
  long long quota_us = 0;
  virTypedParamsGetULLong(parameters.data(), count, VIR_DOMAIN_SCHEDULER_GLOBAL_PERIOD, &period_us);
  virTypedParamsGetLLong(parameters.data(), count, VIR_DOMAIN_SCHEDULER_GLOBAL_QUOTA, &quota_us);
  virTypedParamsClear(parameters.data(), count);
  return CpuPercentOf(period_us, quota_us);
}

}  // namespace flatvm::hypervisor
