// A secondary's life: create and destroy as named steps, each with its undo.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/broker/carver.h"
#include "daemon/broker/cid_allocator.h"
#include "daemon/broker/mode.h"
#include "daemon/broker/quota_moves.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {

struct CreateVmOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  VmSpec spec;
};

struct DestroyVmOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string vm;                     // name or id
  DiskFate fate = DiskFate::kDelete;  // of the volume that was made for it, if one was
};

// Thread-safe; calls block for as long as the hypervisor takes.
class VmLifecycle {
 public:
  VmLifecycle(const Settings& settings, const Ports& ports, Registry& registry, CidAllocator& cids,
              Carver& carver, QuotaMoves& quota_moves, VolumeLifecycle& volumes)
      : settings_(settings),
        ports_(ports),
        registry_(registry),
        cids_(cids),
        carver_(carver),
        quota_moves_(quota_moves),
        volumes_(volumes) {}

  // Validates, admits, and boots a secondary; answers when its vCPUs run. Either all of it is there
  // afterwards or nothing; but an image that left the quota disk for it and cannot go back stays as
  // a volume, which the error says. A repeated request (same request id, same spec) waits for the
  // first one and answers with what it made, and takes what volume the first one left. Errors:
  // INVALID_ARGUMENT; NOT_FOUND / kImageNotFound; FAILED_PRECONDITION / kImageUnusable,
  // kImageIncomplete, kPrimaryRestarted, kPrimaryKeepsMemory, kPrimaryNeedsRestart; ALREADY_EXISTS
  // / kVmNameTaken,
  // kRequestIdReused; RESOURCE_EXHAUSTED; ABORTED / kChangeInFlight; DEADLINE_EXCEEDED /
  // kStageTimedOut; UNAVAILABLE; INTERNAL.
  absl::StatusOr<VmRecord> Create(const CreateVmOrder& order);

  // Kills a secondary and removes all it had; answers with it as it last was. If a step fails the
  // secondary stays in kDestroying, still counted, and a further destroy goes on where this one
  // ended. With DiskFate::kReturn it is first seen that its image has a place on the quota disk:
  // else nothing has changed. Errors: INVALID_ARGUMENT; NOT_FOUND / kVmNotFound; ABORTED /
  // kChangeInFlight; UNAVAILABLE; INTERNAL; with kReturn also FAILED_PRECONDITION /
  // kNotFromQuotaDisk and those of QuotaReturns.
  absl::StatusOr<VmRecord> Destroy(const DestroyVmOrder& order);

  // Goes on with a destroy that failed half-way. One whose image is to go back onto the quota disk
  // ends short of that: the host must not take the disk from a guest that nobody asked. For the
  // reconciler.
  absl::Status FinishDestroy(const std::string& tenant, const std::string& id);

 private:
  class Creation;

  // Removes everything a secondary may have on this host, whatever its state, but its own volume,
  // its record and its place in the registry. Idempotent; every part is tried, the first error is
  // returned.
  absl::Status RemoveEffects(const VmRecord& vm);
  absl::Status PutIntent(const DestroyVmOrder& order, const VmRecord& vm);
  // Then its own volume: it is deleted, or returned in `turn`.
  absl::Status RemoveOwnVolume(const DestroyVmOrder& order, const VmRecord& vm, QuotaTurn* turn);
  // Before anything of a destroy: that the image would find its place. Null if it is to be deleted,
  // or is gone.
  absl::StatusOr<std::unique_ptr<QuotaTurn>> PrepareReturn(const DestroyVmOrder& order,
                                                           const VmRecord& vm);

  // Create, once it is known that nobody has asked for it before.
  absl::StatusOr<VmRecord> Make(const CreateVmOrder& order);
  // A repeated request's answer, or null if this request is new.
  absl::StatusOr<std::unique_ptr<VmRecord>> FindEarlierCreate(const CreateVmOrder& order);
  void Forget(const DestroyVmOrder& order, const VmRecord& vm);
  // The primary may have back what a secondary that is gone held. A failure is logged: the
  // reconciler tries again.
  void GiveBack(const std::string& tenant);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
  CidAllocator& cids_;
  Carver& carver_;
  QuotaMoves& quota_moves_;
  VolumeLifecycle& volumes_;
};

}  // namespace flatvm::broker
