// A secondary's life: create and destroy as named steps, each with its undo.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/broker/carver.h"
#include "daemon/broker/cid_allocator.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

enum class Mode { kExecute, kValidateOnly };

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
  std::string vm;  // name or id
};

// Thread-safe; calls block for as long as the hypervisor takes.
class VmLifecycle {
 public:
  VmLifecycle(const Settings& settings, const Ports& ports, Registry& registry, CidAllocator& cids,
              Carver& carver)
      : settings_(settings), ports_(ports), registry_(registry), cids_(cids), carver_(carver) {}

  // Validates, admits, and boots a secondary; answers when its vCPUs run. Either all of it is there
  // afterwards or nothing. A repeated request (same request id, same spec) waits for the first one
  // and answers with what it made. Errors: INVALID_ARGUMENT; NOT_FOUND / kImageNotFound;
  // FAILED_PRECONDITION / kImageUnusable, kPrimaryRestarted,
  // kPrimaryKeepsMemory, kPrimaryNeedsRestart; ALREADY_EXISTS / kVmNameTaken,
  // kRequestIdReused; RESOURCE_EXHAUSTED; ABORTED / kChangeInFlight; DEADLINE_EXCEEDED /
  // kStageTimedOut; UNAVAILABLE; INTERNAL.
  absl::StatusOr<VmRecord> Create(const CreateVmOrder& order);

  // Kills a secondary and removes all it had; answers with it as it last was. If a step fails the
  // secondary stays in kDestroying, still counted, and a further destroy goes on where this one
  // ended. Errors: INVALID_ARGUMENT; NOT_FOUND / kVmNotFound; ABORTED / kChangeInFlight;
  // UNAVAILABLE; INTERNAL.
  absl::StatusOr<VmRecord> Destroy(const DestroyVmOrder& order);

  // Removes everything a secondary may have on this host, whatever its state, but not its place in
  // the registry. Idempotent; every part is tried, the first error is returned. For Destroy, undo
  // and the reconciler.
  absl::Status RemoveEffects(const VmRecord& vm);

 private:
  class Creation;

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
};

}  // namespace flatvm::broker
