#include "daemon/hypervisor/libvirt_hypervisor.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/hypervisor/domain_lookup.h"
#include "daemon/libvirt/errors.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::hypervisor {
namespace {

using libvirt::DomainPtr;
using libvirt::LastError;

// libvirt's destroy returns when QEMU is dead; the domain leaves its lists right after.
constexpr std::chrono::seconds kGoneWithin{10};
constexpr std::chrono::milliseconds kGonePoll{10};

// Nothing if `connection` can run q35 machines of this type; else why not.
std::optional<std::string> FindLack(virConnectPtr connection, const char* type) {
  const libvirt::TextPtr capabilities(
      virConnectGetDomainCapabilities(connection, nullptr, "x86_64", "q35", type, 0));
  if (capabilities != nullptr) return std::nullopt;
  return std::string(base::Message(LastError(type)));
}

// Takes back the persistent definition, with all that libvirt keeps for it.
absl::Status Undefine(virDomainPtr domain) {
  FLATVM_ASSIGN_OR_RETURN(const bool persistent, IsPersistent(domain));
  if (!persistent) return absl::OkStatus();
  constexpr unsigned kEverything =
      VIR_DOMAIN_UNDEFINE_MANAGED_SAVE | VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
      VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
  if (virDomainUndefineFlags(domain, kEverything) == 0) return absl::OkStatus();
  return LastError("undefining a secondary");
}

absl::Status AwaitGone(virConnectPtr connection, const std::string& vm_id) {
  const auto deadline = std::chrono::steady_clock::now() + kGoneWithin;
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(const DomainPtr domain, FindByUuid(connection, vm_id));
    if (domain == nullptr) return absl::OkStatus();
    if (std::chrono::steady_clock::now() >= deadline) {
      return base::InternalError("a destroyed domain is still listed by libvirt");
    }
    std::this_thread::sleep_for(kGonePoll);
  }
}

void Insert(base::VsockCid cid, std::set<base::VsockCid>* cids) {
  if (cid.value != 0) cids->insert(cid);
}

}  // namespace

absl::StatusOr<Virtualization> LibvirtHypervisor::GetVirtualization(
    const std::shared_ptr<virConnect>& connection) {
  const std::lock_guard lock(mutex_);
  if (asked_.lock() == connection) return virtualization_;
  const char* driver = virConnectGetType(connection.get());
  if (driver == nullptr) return LastError("asking for libvirt's driver");
  if (std::string_view(driver) == "TEST") {
    virtualization_ = Virtualization::kTestDriver;
  } else if (const auto no_kvm = FindLack(connection.get(), "kvm"); !no_kvm) {
    virtualization_ = Virtualization::kKvm;
  } else if (const auto no_tcg = FindLack(connection.get(), "qemu"); !no_tcg) {
    virtualization_ = Virtualization::kTcg;
    log_.Log(
        base::LogLevel::kWarning,
        base::StrCat("no KVM, secondaries are emulated and slow; see virt-host-validate qemu: ",
                     *no_kvm));
  } else {
    return LastError("asking what libvirt can run");
  }
  asked_ = connection;
  return virtualization_;
}

absl::StatusOr<uint32_t> LibvirtHypervisor::StartDomain(const DomainSpec& spec) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const Virtualization virtualization, GetVirtualization(connection));
  FLATVM_ASSIGN_OR_RETURN(const std::string xml, BuildDomainXml(spec, virtualization));
  const DomainPtr domain(virDomainCreateXML(connection.get(), xml.c_str(), 0));
  if (domain == nullptr) return LastError("starting a secondary");
  return virDomainGetID(domain.get());  // as it came with the domain; no call
}

absl::Status LibvirtHypervisor::RemoveDomain(const std::string& vm_id) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const DomainPtr domain, FindByUuid(connection.get(), vm_id));
  if (domain == nullptr) return absl::OkStatus();
  FLATVM_ASSIGN_OR_RETURN(const auto facts, FindFacts(domain.get(), Definition::kCurrent));
  if (!facts) return absl::OkStatus();
  if (facts->vm_id != vm_id) {
    return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kInternalError,
                           "the domain is no secondary");
  }
  if (absl::Status status = Undefine(domain.get()); !status.ok() && !absl::IsNotFound(status)) {
    return status;
  }
  if (virDomainDestroy(domain.get()) != 0) {
    const absl::Status status = LastError("destroying a secondary");
    // It may have ended by itself a moment ago.
    FLATVM_ASSIGN_OR_RETURN(const DomainPtr still, FindByUuid(connection.get(), vm_id));
    return still == nullptr ? absl::OkStatus() : status;
  }
  return AwaitGone(connection.get(), vm_id);
}

absl::StatusOr<std::vector<DomainInfo>> LibvirtHypervisor::ListDomains() {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<DomainPtr> domains, ListAll(connection.get()));
  std::vector<DomainInfo> secondaries;
  for (const DomainPtr& domain : domains) {
    FLATVM_ASSIGN_OR_RETURN(const auto facts, FindFacts(domain.get(), Definition::kCurrent));
    if (!facts || !facts->IsSecondary()) continue;
    secondaries.push_back(DomainInfo{
        .vm_id = facts->vm_id,
        .tenant = facts->tenant,
        .name = facts->name,
        .state = facts->id == kNotRunning ? DomainState::kStopped : DomainState::kRunning,
        .domain_id = facts->DomainId()});
  }
  return secondaries;
}

absl::StatusOr<std::vector<base::VsockCid>> LibvirtHypervisor::ListUsedCids(
    const std::set<std::string>& ours) {
  FLATVM_ASSIGN_OR_RETURN(const auto connection, connection_.Get());
  FLATVM_ASSIGN_OR_RETURN(const std::vector<DomainPtr> domains, ListAll(connection.get()));
  std::map<std::string, Run> known;
  {
    const std::lock_guard lock(mutex_);
    known = runs_;
  }
  std::map<std::string, Run> runs;
  std::set<base::VsockCid> cids;
  for (const DomainPtr& domain : domains) {
    FLATVM_ASSIGN_OR_RETURN(const std::string uuid, GetUuid(domain.get()));
    const int id = RunOf(domain.get());
    const bool is_ours = ours.contains(uuid);
    if (is_ours && id == kNotRunning) continue;
    const auto read = known.find(uuid);
    if (is_ours && read != known.end() && read->second.id == id) {
      runs.insert(*read);
      Insert(read->second.cid, &cids);
      continue;
    }
    FLATVM_ASSIGN_OR_RETURN(const auto current, FindFacts(domain.get(), Definition::kCurrent));
    if (!current) continue;
    Insert(current->cid, &cids);
    if (is_ours) runs.insert_or_assign(uuid, Run{.id = current->id, .cid = current->cid});
    if (is_ours || current->id == kNotRunning) continue;  // then that was the persistent one
    FLATVM_ASSIGN_OR_RETURN(const auto next, FindFacts(domain.get(), Definition::kPersistent));
    if (next) Insert(next->cid, &cids);
  }
  const std::lock_guard lock(mutex_);
  runs_ = std::move(runs);
  return std::vector<base::VsockCid>(cids.begin(), cids.end());
}

}  // namespace flatvm::hypervisor
