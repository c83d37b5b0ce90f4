// Images that go back onto the quota disk that they came from, as the files that they were, with
// what they hold now. The way back of quota_moves.h: the commit is one record, before it everything
// is as it was, and after it the rest is done, if need be by the reconciler.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "daemon/broker/quota_plug.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

// Thread-safe; calls block on the disk, the hypervisor and the worker. Errors of every call but
// CheckOrigin: UNAVAILABLE; INTERNAL.
class QuotaReturns {
 public:
  QuotaReturns(const Ports& ports, Registry& registry) : ports_(ports), registry_(registry) {}

  // Errors: FAILED_PRECONDITION / kNotFromQuotaDisk.
  static absl::Status CheckOrigin(const VolumeRecord& volume);

  // Takes the disk out of the primary and looks whether Return would find a place and room; a VM
  // may still write to the volume. Errors: FAILED_PRECONDITION / kPrimaryKeepsDisk and those of
  // storage::ImageReturns::CheckReturn.
  absl::Status Check(const VolumeRecord& volume, QuotaTurn& turn);

  // Makes a file of a ready volume that no VM writes to, whose change the caller has begun, and
  // forgets the volume. Either all of that has happened or nothing; but if it fails after it was
  // decided, the volume is on record in kReturning. Errors: as Check.
  absl::Status Return(const VolumeRecord& volume, const std::string& request_id, QuotaTurn& turn);

  // Goes on with a return that was cut off after it was decided; OK if there is none. For the
  // reconciler.
  absl::Status FinishReturn(const std::string& tenant, const std::string& id);

 private:
  storage::ReturnOrder OrderOf(const VolumeRecord& volume);
  // On disk first, then for admission.
  absl::Status Put(const VolumeRecord& volume);
  // The steps after the decision: files, then the record.
  absl::Status Finish(const VolumeRecord& volume);

  const Ports& ports_;
  Registry& registry_;
};

}  // namespace flatvm::broker
