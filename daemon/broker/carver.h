// Brings a primary's memory and CPU time in line with what its tenant's records leave it
// (GrantOf). Decides nothing: admission did.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

// Thread-safe; calls block on libvirt. All of them are OK at once for a tenant in
// CarveMode::kReserved, but Release.
class Carver {
 public:
  Carver(const Settings& settings, const Ports& ports, Registry& registry)
      : settings_(settings), ports_(ports), registry_(registry) {}

  // Takes from the primary what the secondaries in the registry are to have, and waits until it is
  // really there: the balloon says so, and the primary's cgroup holds no more guest memory than its
  // grant and the VMM's overhead. Does not wait for what is asked of the primary after it, so that
  // creates that come together are served one after the other. What was taken stays taken on
  // failure; the caller gives up its reservation and calls Adjust. Errors: FAILED_PRECONDITION /
  // kPrimaryKeepsMemory, after `carve_timeout` or at once if the primary has no balloon,
  // kPrimaryNotRunning, kPrimaryNeedsRestart; UNAVAILABLE; INTERNAL.
  absl::Status Take(const std::string& tenant);

  // Sets the primary's memory and quota to its grant and does not wait. OK if it does not run. For
  // when something was given back, and for the reconciler. Idempotent.
  absl::Status Adjust(const std::string& tenant);

  // Gives the primary all it was started with, and no quota. OK if it is not defined or does not
  // run. For a tenant that goes, or is carved no more; it is in the registry.
  absl::Status Release(const TenantRecord& tenant);

 private:
  struct Share {
    std::string primary_uuid;
    PrimaryGrant grant;
    std::map<std::string, uint32_t> vms;  // what it was made smaller for, by id: MiB with overhead
  };

  // A primary that is made smaller.
  struct Taking {
    std::string tenant;
    uint32_t domain_id = 0;               // of its run
    std::map<std::string, uint32_t> vms;  // as in Share, when it began: what is waited for
  };

  // How far it is.
  struct Progress {
    bool taken = false;
    uint32_t wanted_mib = 0;  // what it may keep
    hypervisor::PrimaryMemory memory;
  };

  // What is to be; nothing if nothing is carved from this tenant's primary.
  absl::StatusOr<std::optional<Share>> FindShare(const std::string& tenant);
  absl::StatusOr<std::shared_ptr<TenantLocks>> LocksOf(const std::string& tenant);
  // Decides and sets with nothing in between, so that the last of several calls wins.
  absl::Status SetShare(const std::string& tenant);
  absl::StatusOr<Progress> Look(const Taking& taking);
  absl::Status Await(const Taking& taking);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
};

}  // namespace flatvm::broker
