// Images that leave the quota disk for volumes of their own. What the disk has at a time follows
// from records (QuotaDiskMib), so that a crash leaves nothing to count.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/mode.h"
#include "daemon/broker/quota_plug.h"
#include "daemon/broker/quota_returns.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

struct ExtractVolumeOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string name;  // of the volume to be
  std::string path;  // of the image, relative to the root of the quota disk's filesystem
};

// Thread-safe; calls block on the disk, the hypervisor and the worker, and on each other for one
// tenant. Errors of every call: UNAVAILABLE; INTERNAL.
class QuotaMoves {
 public:
  QuotaMoves(const Settings& settings, const Ports& ports, Registry& registry)
      : ports_(ports),
        registry_(registry),
        plug_(settings, ports, registry),
        returns_(ports, registry) {}

  // Takes an image out of the quota disk, which gets smaller by its size, and makes it a volume of
  // the same bytes. The primary's guest must have unmounted the disk; afterwards it has it again.
  // Either all of it is there afterwards or nothing. A repeated request is the caller's to know.
  // Errors: ALREADY_EXISTS / kVolumeNameTaken; FAILED_PRECONDITION / kNoQuotaDisk,
  // kPrimaryKeepsDisk and those of storage::QuotaDisks::Extract.
  absl::StatusOr<VolumeRecord> Extract(const ExtractVolumeOrder& order);

  // The same in a turn of the caller's: the disk is out of the primary when this returns, if it
  // came so far. If it fails after it was decided, the volume is on record in kMoving.
  absl::StatusOr<VolumeRecord> Extract(const ExtractVolumeOrder& order, QuotaTurn& turn);

  // Goes on with a move that was cut off after it was decided; OK if there is none. For the
  // reconciler.
  absl::Status FinishMove(const std::string& tenant, const std::string& id);

  // For creation, the reconciler, and whoever removed an image that came from the disk.
  QuotaPlug& plug() { return plug_; }
  // The way back.
  QuotaReturns& returns() { return returns_; }

 private:
  class Extraction;

  // The steps after the decision: files, then the record.
  absl::Status Finish(VolumeRecord* volume);

  const Ports& ports_;
  Registry& registry_;
  QuotaPlug plug_;
  QuotaReturns returns_;
};

}  // namespace flatvm::broker
