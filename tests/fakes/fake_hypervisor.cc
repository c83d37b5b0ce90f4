#include "tests/fakes/fake_hypervisor.h"

#include <algorithm>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/hypervisor/domain_facts.h"
#include "daemon/hypervisor/primary_xml.h"
#include "daemon/hypervisor/spec_check.h"

namespace flatvm::fakes {
namespace {

using hypervisor::DomainFacts;
using hypervisor::ParseDomainXml;

std::string OperatorsXml(const std::string& uuid, const std::string& name, uint32_t memory_mib,
                         uint32_t vcpus) {
  return base::StrCat("<domain type='kvm'><name>", name, "</name><uuid>", uuid,
                      "</uuid><memory unit='MiB'>", memory_mib, "</memory><vcpu>", vcpus,
                      "</vcpu><os><type machine='q35'>hvm</type></os><devices><memballoon "
                      "model='virtio'/></devices></domain>");
}

absl::Status NotPersistent(const std::string& name) {
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryNotDefined,
      base::StrCat("domain \"", name, "\" is transient; define it (virsh define) first"));
}

}  // namespace

FakeHypervisor::State FakeHypervisor::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::string FakeHypervisor::DefinePrimary(const std::string& name, uint32_t memory_mib,
                                          uint32_t vcpus) {
  const std::lock_guard lock(mutex_);
  const std::string uuid = base::NewUuid();
  state_.primaries[name] =
      FakePrimary{.uuid = uuid, .definition_xml = OperatorsXml(uuid, name, memory_mib, vcpus)};
  return uuid;
}

std::string FakeHypervisor::StartTransientPrimary(const std::string& name, uint32_t memory_mib,
                                                  uint32_t vcpus) {
  const std::lock_guard lock(mutex_);
  const std::string uuid = base::NewUuid();
  FakePrimary& primary = state_.primaries[name] = FakePrimary{.uuid = uuid};
  StartRun(&primary, OperatorsXml(uuid, name, memory_mib, vcpus));
  return uuid;
}

void FakeHypervisor::UndefinePrimary(const std::string& name) {
  const std::lock_guard lock(mutex_);
  state_.primaries.erase(name);
}

void FakeHypervisor::EditPrimary(const std::string& name,
                                 const std::function<void(std::string*)>& edit) {
  const std::lock_guard lock(mutex_);
  edit(&state_.primaries.at(name).definition_xml);
}

void FakeHypervisor::StartPrimary(const std::string& name) {
  const std::lock_guard lock(mutex_);
  FakePrimary& primary = state_.primaries.at(name);
  StartRun(&primary, primary.definition_xml);
}

void FakeHypervisor::StopPrimary(const std::string& name) {
  const std::lock_guard lock(mutex_);
  FakePrimary& primary = state_.primaries.at(name);
  primary.live_xml.clear();
  primary.run = FakeRun{};
}

void FakeHypervisor::SetBalloonGuest(const std::string& name, BalloonGuest guest,
                                     uint32_t slow_reads) {
  const std::lock_guard lock(mutex_);
  FakePrimary& primary = state_.primaries.at(name);
  primary.guest = guest;
  primary.slow_reads = slow_reads;
  primary.run.pending_reads = primary.run.target_mib < primary.run.actual_mib ? slow_reads : 0;
}

void FakeHypervisor::SetKeptMemory(const std::string& name, uint32_t memory_mib) {
  const std::lock_guard lock(mutex_);
  state_.primaries.at(name).keeps_mib = memory_mib;
}

void FakeHypervisor::StartRun(FakePrimary* primary, const std::string& xml) {
  const auto facts = ParseDomainXml(xml);
  const uint32_t memory_mib = facts.ok() ? facts->memory_mib : 0;
  primary->live_xml = xml;
  ++primary->boots;
  primary->run = FakeRun{.domain_id = next_domain_id_++,
                         .maximum_mib = memory_mib,
                         .target_mib = memory_mib,
                         .actual_mib = memory_mib,
                         .disks = primary->disks};
}

absl::Status FakeHypervisor::UsePrimary(const std::string& uuid,
                                        const std::function<absl::Status(FakePrimary*)>& use) {
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const auto it, FindPrimary(uuid));
  return use(&it->second);
}

void FakeHypervisor::EndDomain(const std::string& vm_id) {
  const std::lock_guard lock(mutex_);
  state_.domains.erase(vm_id);
}

void FakeHypervisor::AddForeignCid(base::VsockCid cid) {
  const std::lock_guard lock(mutex_);
  foreign_cids_.insert(cid);
}

void FakeHypervisor::OnNextStartDomain(std::function<void()> callback) {
  const std::lock_guard lock(mutex_);
  on_next_start_ = std::move(callback);
}

absl::StatusOr<std::vector<base::VsockCid>> FakeHypervisor::UsedCids(
    const std::set<std::string>& ours) const {
  std::set<base::VsockCid> cids = foreign_cids_;
  for (const auto& [id, domain] : state_.domains) cids.insert(domain.cid);
  for (const auto& [name, primary] : state_.primaries) {
    for (const bool live : {false, true}) {
      const std::string& xml = live ? primary.live_xml : primary.definition_xml;
      if (xml.empty()) continue;
      FLATVM_ASSIGN_OR_RETURN(const DomainFacts facts, ParseDomainXml(xml));
      if (facts.cid.value != 0 && (live || !ours.contains(facts.uuid))) cids.insert(facts.cid);
    }
  }
  return std::vector<base::VsockCid>(cids.begin(), cids.end());
}

absl::Status FakeHypervisor::AddDomain(const hypervisor::DomainSpec& spec) {
  FLATVM_RETURN_IF_ERROR(hypervisor::CheckDomainSpec(spec));
  const std::string name = hypervisor::DomainName(spec.tenant, spec.vm_name);
  for (const auto& [id, domain] : state_.domains) {
    if (id == spec.vm_id || domain.name == name || domain.cid == spec.cid) {
      return base::InternalError(base::StrCat("domain's id, name or CID is in use by ", id));
    }
  }
  std::vector<std::string> disks;
  for (const hypervisor::DomainDisk& disk : spec.disks) disks.push_back(disk.path);
  state_.domains[spec.vm_id] = FakeDomain{.tenant = spec.tenant,
                                          .name = name,
                                          .memory_mib = spec.memory_mib,
                                          .vcpus = spec.vcpus,
                                          .cid = spec.cid,
                                          .nics = spec.nics,
                                          .partition = spec.partition,
                                          .domain_id = next_domain_id_++,
                                          .cpu_quota_percent = spec.cpu_quota_percent,
                                          .disks = std::move(disks)};
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> FakeHypervisor::StartDomain(const hypervisor::DomainSpec& spec) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  std::function<void()> callback;
  uint32_t domain_id = 0;
  {
    const std::lock_guard lock(mutex_);
    FLATVM_RETURN_IF_ERROR(AddDomain(spec));
    domain_id = state_.domains.at(spec.vm_id).domain_id;
    callback = std::exchange(on_next_start_, nullptr);
  }
  if (callback) callback();
  return domain_id;
}

absl::Status FakeHypervisor::RemoveDomain(const std::string& vm_id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  const bool foreign = std::any_of(state_.primaries.begin(), state_.primaries.end(),
                                   [&](const auto& entry) { return entry.second.uuid == vm_id; });
  if (foreign) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kInternalError,
                           "the domain is no secondary");
  }
  state_.domains.erase(vm_id);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<hypervisor::DomainInfo>> FakeHypervisor::ListDomains() {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  std::vector<hypervisor::DomainInfo> domains;
  for (const auto& [id, domain] : state_.domains) {
    domains.push_back(hypervisor::DomainInfo{.vm_id = id,
                                             .tenant = domain.tenant,
                                             .name = domain.name,
                                             .state = hypervisor::DomainState::kRunning,
                                             .domain_id = domain.domain_id});
  }
  return domains;
}

absl::StatusOr<FakeHypervisor::Primaries::iterator> FakeHypervisor::FindPrimary(
    const std::string& name_or_uuid) {
  for (auto it = state_.primaries.begin(); it != state_.primaries.end(); ++it) {
    if (it->first == name_or_uuid || it->second.uuid == name_or_uuid) return it;
  }
  for (const auto& [id, domain] : state_.domains) {
    if (id != name_or_uuid && domain.name != name_or_uuid) continue;
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kPrimaryNotDefined,
                           base::StrCat("domain \"", domain.name, "\" is a secondary"));
  }
  return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kPrimaryNotDefined,
                         base::StrCat("no domain \"", base::EscapeForLog(name_or_uuid), "\""));
}

absl::StatusOr<hypervisor::PrimaryInfo> FakeHypervisor::GetPrimary(
    const std::string& name_or_uuid) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const auto it, FindPrimary(name_or_uuid));
  const FakePrimary& primary = it->second;
  hypervisor::PrimaryInfo info{.uuid = primary.uuid,
                               .name = it->first,
                               .persistent = !primary.definition_xml.empty(),
                               .running = !primary.live_xml.empty(),
                               .definition_xml = primary.definition_xml,
                               .domain_id = primary.run.domain_id};
  FLATVM_ASSIGN_OR_RETURN(
      const DomainFacts defined,
      ParseDomainXml(info.persistent ? primary.definition_xml : primary.live_xml));
  info.memory_mib = defined.memory_mib;
  info.vcpus = defined.vcpus;
  info.balloon_lack = defined.balloon.lack;
  if (!info.running) return info;
  FLATVM_ASSIGN_OR_RETURN(const DomainFacts live, ParseDomainXml(primary.live_xml));
  info.boot_id = base::StrCat("boot-", primary.boots);
  info.live_cid = live.cid;
  info.live_partition = live.partition.empty() ? "/machine" : live.partition;
  info.live_macs = live.macs;
  return info;
}

absl::StatusOr<hypervisor::PrimaryUndo> FakeHypervisor::AttachPrimary(
    const std::string& name_or_uuid, const hypervisor::PrimaryAttachment& attachment) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const auto it, FindPrimary(name_or_uuid));
  FakePrimary& primary = it->second;
  if (primary.definition_xml.empty()) return NotPersistent(it->first);
  FLATVM_ASSIGN_OR_RETURN(std::string after,
                          hypervisor::BuildAttachedXml(primary.definition_xml, attachment));
  hypervisor::PrimaryUndo undo{.uuid = primary.uuid,
                               .before_xml = primary.definition_xml,
                               .after_xml = after,
                               .attachment = attachment};
  primary.definition_xml = std::move(after);
  return undo;
}

absl::Status FakeHypervisor::DetachPrimary(const hypervisor::PrimaryUndo& undo) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  const auto it = FindPrimary(undo.uuid);
  if (!it.ok() || (*it)->second.definition_xml.empty()) return absl::OkStatus();
  FakePrimary& primary = (*it)->second;
  FLATVM_ASSIGN_OR_RETURN(primary.definition_xml,
                          hypervisor::BuildRestoredXml(primary.definition_xml, undo));
  return absl::OkStatus();
}

absl::Status FakeHypervisor::RestartPrimary(const std::string& uuid,
                                            uint32_t /*shutdown_timeout_ms*/) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  FLATVM_ASSIGN_OR_RETURN(const auto it, FindPrimary(uuid));
  FakePrimary& primary = it->second;
  if (primary.definition_xml.empty()) return NotPersistent(it->first);
  StartRun(&primary, primary.definition_xml);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<base::VsockCid>> FakeHypervisor::ListUsedCids(
    const std::set<std::string>& ours) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  return UsedCids(ours);
}

}  // namespace flatvm::fakes
