// Port: what the broker needs of a hypervisor. The real one is libvirt/QEMU (libvirt_hypervisor.h),
// tests have a fake.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/hypervisor/domain_spec.h"  // IWYU pragma: export

namespace flatvm::hypervisor {

enum class DomainState { kRunning, kStopped };

// A domain that carries flatvm's metadata.
struct DomainInfo {
  std::string vm_id;
  std::string tenant;
  std::string name;  // libvirt's
  DomainState state = DomainState::kStopped;
  uint32_t domain_id = 0;  // libvirt's number of this run; 0: not running
};

// What the tenant gives its primary. Needs a persistent definition.
struct PrimaryAttachment {
  std::string tenant;
  base::VsockCid cid;
  std::string partition;
  std::string network;  // a NIC on it
  std::string mac;
  // A q35 machine's PCIe root ports that are free: what can be plugged in while it runs. 0: those
  // that it has. Other machines need none.
  uint32_t hotplug_slots = 0;
};

// How to take an attachment back. Opaque text that the hypervisor room wrote and reads; kept in the
// tenant's record.
struct PrimaryUndo {
  std::string uuid;
  std::string before_xml;  // persistent definition as it was
  std::string after_xml;   // as AttachPrimary left it; DetachPrimary puts before_xml back verbatim
                           // if this still holds
  PrimaryAttachment attachment;
};

// A libvirt domain that is or may become a primary.
struct PrimaryInfo {
  std::string uuid;
  std::string name;
  bool persistent = false;
  bool running = false;
  std::string definition_xml;  // persistent, as PrimaryUndo::before_xml; empty if transient
  uint32_t domain_id = 0;      // libvirt's number of this run; 0: not running
  std::string boot_id;  // differs at every start of the domain and the host; empty if not running
  uint32_t memory_mib = 0;  // maximum, persistent definition
  uint32_t vcpus = 0;       // maximum, persistent definition
  // Why its memory cannot be taken while it runs, such as "it has no memory balloon device"; of the
  // persistent definition if there is one. Empty: it can, if its guest cooperates.
  std::string balloon_lack;
  base::VsockCid live_cid;             // of the running instance; 0: none
  std::string live_partition;          // of the running instance; empty if not running
  std::vector<std::string> live_macs;  // of the running instance's NICs
};

// Domain name of a secondary: "flatvm-<tenant>.<name>". The dot, which no name has, keeps "a-b" +
// "c" and "a" + "b-c" apart.
std::string DomainName(const std::string& tenant, const std::string& vm_name);

// Thread-safe. Every call blocks on libvirtd. Errors of every call: UNAVAILABLE /
// kHypervisorUnavailable when libvirtd cannot be reached; INTERNAL with libvirt's text (for the
// journal only).
class Hypervisor {
 public:
  virtual ~Hypervisor() = default;

  // Starts a transient domain and returns when its vCPUs run, with libvirt's number of this run.
  // Leaves nothing behind on failure.
  virtual absl::StatusOr<uint32_t> StartDomain(const DomainSpec& spec) = 0;

  // Kills the domain at once; OK if there is none (transient: it is gone afterwards). A domain
  // without flatvm's metadata is never touched: FAILED_PRECONDITION.
  virtual absl::Status RemoveDomain(const std::string& vm_id) = 0;

  // Every domain that carries flatvm's metadata.
  virtual absl::StatusOr<std::vector<DomainInfo>> ListDomains() = 0;

  // By name or UUID. Errors: NOT_FOUND / kPrimaryNotDefined.
  virtual absl::StatusOr<PrimaryInfo> GetPrimary(const std::string& name_or_uuid) = 0;

  // Adds vsock, partition, NIC and free PCIe ports to the persistent definition; the running
  // instance is left alone. Idempotent: what the definition has already (same values) is not added
  // again. A vsock device of the operator's is replaced. Errors: NOT_FOUND / kPrimaryNotDefined;
  // FAILED_PRECONDITION / kPrimaryNotDefined if it is transient.
  virtual absl::StatusOr<PrimaryUndo> AttachPrimary(const std::string& name_or_uuid,
                                                    const PrimaryAttachment& attachment) = 0;

  // Puts the persistent definition back; OK if the domain is no longer defined. Edits by others in
  // between are kept.
  virtual absl::Status DetachPrimary(const PrimaryUndo& undo) = 0;

  // Shuts the primary down (ACPI, then by force when `shutdown_timeout_ms` has passed) and starts
  // it from its persistent definition. If it was shut off: starts it.
  virtual absl::Status RestartPrimary(const std::string& uuid, uint32_t shutdown_timeout_ms) = 0;

  // CIDs that any domain of this host has, defined or running, whoever made it. Of `ours`, UUIDs of
  // domains whose definitions are known to be the caller's, only those that they run with.
  virtual absl::StatusOr<std::vector<base::VsockCid>> ListUsedCids(
      const std::set<std::string>& ours) = 0;
};

}  // namespace flatvm::hypervisor
