// The real Hypervisor: libvirt and QEMU. Secondaries are transient domains that carry flatvm's
// metadata; primaries are persistent domains of the operator's.
#pragma once

#include <libvirt/libvirt.h>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "daemon/base/log.h"
#include "daemon/hypervisor/boot_id.h"
#include "daemon/hypervisor/domain_facts.h"
#include "daemon/hypervisor/domain_xml.h"
#include "daemon/hypervisor/hypervisor.h"
#include "daemon/libvirt/connection.h"

namespace flatvm::hypervisor {

// Thread-safe. Two changes to one primary at a time are the caller's to prevent; against an
// operator's virsh edit at the same moment libvirt has no guard.
class LibvirtHypervisor final : public Hypervisor {
 public:
  LibvirtHypervisor(libvirt::Connection& connection, base::Logger& log,
                    BootIdSources boot_id_sources = {})
      : connection_(connection), log_(log), boot_id_sources_(std::move(boot_id_sources)) {}

  // As the port says. With KVM if libvirt offers it, else emulated, which is logged as a warning
  // once a connection. If the connection breaks under it the domain may run nevertheless.
  absl::StatusOr<uint32_t> StartDomain(const DomainSpec& spec) override;
  // Also takes back a persistent definition that somebody gave the domain.
  absl::Status RemoveDomain(const std::string& vm_id) override;
  absl::StatusOr<std::vector<DomainInfo>> ListDomains() override;
  // Errors: also FAILED_PRECONDITION / kPrimaryNotDefined if it is a secondary; likewise below.
  absl::StatusOr<PrimaryInfo> GetPrimary(const std::string& name_or_uuid) override;
  absl::StatusOr<PrimaryUndo> AttachPrimary(const std::string& name_or_uuid,
                                            const PrimaryAttachment& attachment) override;
  absl::Status DetachPrimary(const PrimaryUndo& undo) override;
  // ACPI's power button is pressed again every 5 s: a guest that is booting misses the first.
  absl::Status RestartPrimary(const std::string& uuid, uint32_t shutdown_timeout_ms) override;
  // A running domain of `ours` is read once a run: with hundreds of them, each takes its time.
  absl::StatusOr<std::vector<base::VsockCid>> ListUsedCids(
      const std::set<std::string>& ours) override;

 private:
  // What a domain's current run has.
  struct Run {
    int id = kNotRunning;
    base::VsockCid cid;
  };

  // What `connection` can run; asked once a connection.
  absl::StatusOr<Virtualization> GetVirtualization(const std::shared_ptr<virConnect>& connection);

  libvirt::Connection& connection_;
  base::Logger& log_;
  const BootIdSources boot_id_sources_;

  std::mutex mutex_;                 // guards the rest
  std::weak_ptr<virConnect> asked_;  // the connection that virtualization_ is of
  Virtualization virtualization_ = Virtualization::kKvm;
  std::map<std::string, Run> runs_;  // of those that were `ours` last, by UUID
};

}  // namespace flatvm::hypervisor
