// Brings records and host in line: at start everything, later what stopped. Finishes or undoes what
// was half done.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/broker/carver.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/record_store.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/vm_lifecycle.h"

namespace flatvm::broker {

// Run by one thread; blocks.
class Reconciler {
 public:
  Reconciler(const Ports& ports, Registry& registry, Carver& carver, TenantLifecycle& tenants,
             VmLifecycle& vms, VolumeLifecycle& volumes, QuotaMoves& quota_moves,
             ImageLifecycle& images)
      : ports_(ports),
        registry_(registry),
        carver_(carver),
        tenants_(tenants),
        vms_(vms),
        volumes_(volumes),
        quota_moves_(quota_moves),
        images_(images) {}

  // Fills the empty registry from `stored` and the host: tenants half made or half removed go,
  // slices, networks and gates of the others are put in place; secondaries half made or half
  // destroyed go, those whose domain is gone become kStopped; volumes likewise; domains, files and
  // networks without a record are removed. What fails is logged and left for RetryLeftovers.
  // `on_progress` is called before each tenant, with how many are done. Errors: UNAVAILABLE when
  // the hypervisor cannot be asked; INTERNAL when two records contradict each other.
  absl::Status ReconcileAtStart(
      const StoredState& stored,
      const std::function<void(size_t done)>& on_progress = [](size_t /*done*/) {});

  // Goes on with destroys, deletes, moves out of quota disks and back, and tenant removals that
  // failed half-way, with slices and networks that could not be put in place, and with slices that
  // were still occupied; drops imports that expired. Idempotent.
  void RetryLeftovers();

  // Marks secondaries as stopped whose domain is gone; for when events may have been missed.
  // Errors: UNAVAILABLE when the hypervisor cannot be asked.
  absl::Status RefreshStates();

  // Compares every ready tenant's slice with its record, sets again what somebody else changed,
  // with a warning that names it, and brings primaries' shares in line. Idempotent.
  void RepairLimits();

  // A domain started: a primary has all its memory again and gets what its secondaries leave it.
  // Others are ignored.
  void OnDomainStarted(const std::string& uuid);

  // A domain stopped: a primary's connections are dropped, a secondary becomes kStopped. Others are
  // ignored.
  void OnDomainStopped(const std::string& uuid);

 private:
  absl::Status FillRegistry(const StoredState& stored);
  VmRecord WithoutGoneNetworks(const TenantEntry& tenant, VmRecord vm);
  void ReconcileTenant(const std::string& tenant);
  // Slice, directory and networks of a ready tenant, unless a change of it or of a secondary's is
  // under way; none begins meanwhile. What fails is remembered for RetryLeftovers.
  void EnsureEffects(const std::string& tenant);
  void RepairVolumes(const std::string& tenant);
  void FinishQuotaMoves();
  std::set<std::string> RunningOnRecord();
  // Those of `candidates` that have no running domain have stopped.
  void MarkStopped(std::set<std::string> candidates,
                   const std::vector<hypervisor::DomainInfo>& domains);
  void RemoveOrphanedFiles(const std::string& tenant);
  void RemoveOrphans(const std::vector<hypervisor::DomainInfo>& domains);
  void ExposeToOomKiller(const hypervisor::DomainInfo& domain);
  void RemoveOrphanedSlices();
  void RepairSlice(const std::string& name);
  void FinishTenantRemoval(const std::string& tenant);
  void LogFailure(const std::string& what, const absl::Status& status, const std::string& tenant,
                  const std::string& vm);

  const Ports& ports_;
  Registry& registry_;
  Carver& carver_;
  TenantLifecycle& tenants_;
  VmLifecycle& vms_;
  VolumeLifecycle& volumes_;
  QuotaMoves& quota_moves_;
  ImageLifecycle& images_;
};

}  // namespace flatvm::broker
