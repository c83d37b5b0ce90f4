// LibvirtHypervisor's part for primaries.
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/domain_lookup.h"
#include "daemon/hypervisor/libvirt_hypervisor.h"
#include "daemon/hypervisor/primary_xml.h"
#include "daemon/libvirt/errors.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::hypervisor {
namespace {

using libvirt::DomainPtr;
using libvirt::LastError;

constexpr std::chrono::milliseconds kShutdownPoll{100};
constexpr std::chrono::seconds kPressAgainAfter{5};

absl::Status NotPersistent(const std::string& name) {
  return NoPrimary(absl::StatusCode::kFailedPrecondition, name,
                   "is transient; a primary needs a persistent definition (virsh define)");
}

// The domain's persistent definition. Errors: also FAILED_PRECONDITION if it has none.
absl::StatusOr<std::string> ReadDefinition(const Primary& primary) {
  FLATVM_ASSIGN_OR_RETURN(const bool persistent, IsPersistent(primary.domain.get()));
  if (!persistent) return NotPersistent(primary.current.name);
  return ReadXml(primary.domain.get(), Definition::kPersistent);
}

absl::StatusOr<DomainPtr> Define(virConnectPtr connection, const std::string& xml) {
  DomainPtr domain(virDomainDefineXML(connection, xml.c_str()));
  if (domain == nullptr) return LastError("defining a primary");
  return domain;
}

// A guest that does not hear it is what StopRun's deadline is for, so failure is no error.
void PressPowerButton(virDomainPtr domain) {
  if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0) return;
  virDomainShutdown(domain);  // for drivers that know only one way
}

// Ends run `run` of the domain, gently and then by force; somebody else may have started another.
absl::Status StopRun(virConnectPtr connection, const Primary& primary, int run,
                     std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  auto next_press = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < deadline) {
    if (std::chrono::steady_clock::now() >= next_press) {
      PressPowerButton(primary.domain.get());
      next_press += kPressAgainAfter;
    }
    FLATVM_ASSIGN_OR_RETURN(const int now, GetRun(connection, primary.current.uuid));
    if (now != run) return absl::OkStatus();
    std::this_thread::sleep_for(kShutdownPoll);
  }
  FLATVM_ASSIGN_OR_RETURN(const int now, GetRun(connection, primary.current.uuid));
  if (now != run) return absl::OkStatus();
  if (virDomainDestroy(primary.domain.get()) == 0) return absl::OkStatus();
  const absl::Status status = LastError("stopping a primary by force");
  FLATVM_ASSIGN_OR_RETURN(const int after, GetRun(connection, primary.current.uuid));
  return after == run ? status : absl::OkStatus();
}

}  // namespace

absl::StatusOr<PrimaryInfo> LibvirtHypervisor::GetPrimary(const std::string& name_or_uuid) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), name_or_uuid));
  const DomainFacts& current = primary.current;
  PrimaryInfo info{.uuid = current.uuid,
                   .name = current.name,
                   .running = current.id != kNotRunning,
                   .domain_id = current.DomainId(),
                   .memory_mib = current.memory_mib,
                   .vcpus = current.vcpus,
                   .balloon_lack = current.balloon.lack};
  FLATVM_ASSIGN_OR_RETURN(info.persistent, IsPersistent(primary.domain.get()));
  if (info.persistent) {
    FLATVM_ASSIGN_OR_RETURN(info.definition_xml,
                            ReadXml(primary.domain.get(), Definition::kPersistent));
    FLATVM_ASSIGN_OR_RETURN(const DomainFacts defined, ParseDomainXml(info.definition_xml));
    info.memory_mib = defined.memory_mib;
    info.vcpus = defined.vcpus;
    info.balloon_lack = defined.balloon.lack;
  }
  if (!info.running) return info;
  info.boot_id = ReadBootId(boot_id_sources_, current.name, current.id);
  info.live_cid = current.cid;
  info.live_partition = current.partition;
  info.live_macs = current.macs;
  return info;
}

absl::StatusOr<PrimaryUndo> LibvirtHypervisor::AttachPrimary(const std::string& name_or_uuid,
                                                             const PrimaryAttachment& attachment) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), name_or_uuid));
  FLATVM_ASSIGN_OR_RETURN(const std::string before, ReadDefinition(primary));
  FLATVM_ASSIGN_OR_RETURN(const std::string edited, BuildAttachedXml(before, attachment));
  PrimaryUndo undo{.uuid = primary.current.uuid,
                   .before_xml = before,
                   .after_xml = before,
                   .attachment = attachment};
  if (edited == before) return undo;
  FLATVM_ASSIGN_OR_RETURN(const DomainPtr defined, Define(connection.get(), edited));
  FLATVM_ASSIGN_OR_RETURN(undo.after_xml, ReadXml(defined.get(), Definition::kPersistent));
  return undo;
}

absl::Status LibvirtHypervisor::DetachPrimary(const PrimaryUndo& undo) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  const auto primary = GetPrimaryDomain(connection.get(), undo.uuid);
  if (absl::IsNotFound(primary.status())) return absl::OkStatus();
  FLATVM_RETURN_IF_ERROR(primary.status());
  FLATVM_ASSIGN_OR_RETURN(const bool persistent, IsPersistent(primary->domain.get()));
  if (!persistent) return absl::OkStatus();  // undefined while it runs
  FLATVM_ASSIGN_OR_RETURN(const std::string now, ReadDefinition(*primary));
  FLATVM_ASSIGN_OR_RETURN(const std::string restored, BuildRestoredXml(now, undo));
  if (restored == now) return absl::OkStatus();
  return Define(connection.get(), restored).status();
}

absl::Status LibvirtHypervisor::RestartPrimary(const std::string& uuid,
                                               uint32_t shutdown_timeout_ms) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Primary primary, GetPrimaryDomain(connection.get(), uuid));
  FLATVM_RETURN_IF_ERROR(ReadDefinition(primary).status());
  const int run = primary.current.id;
  if (run != kNotRunning) {
    FLATVM_RETURN_IF_ERROR(
        StopRun(connection.get(), primary, run, std::chrono::milliseconds(shutdown_timeout_ms)));
  }
  if (virDomainCreate(primary.domain.get()) == 0) return absl::OkStatus();
  const absl::Status status = LastError("starting a primary");
  // Somebody else may have been faster; what runs then is what was to be started.
  FLATVM_ASSIGN_OR_RETURN(const int now, GetRun(connection.get(), primary.current.uuid));
  return now != kNotRunning && now != run ? absl::OkStatus() : status;
}

}  // namespace flatvm::hypervisor
