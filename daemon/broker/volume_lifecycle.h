// A volume's life: a raw disk of the tenant's that outlives the VMs that have it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/broker/mode.h"
#include "daemon/broker/quota_moves.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"

namespace flatvm::broker {

struct CreateVolumeOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string name;
  uint32_t size_mib = 0;  // with clone_of 0: the source's size
  std::string clone_of;   // name or id; empty: none
  // Path of an image on the quota disk, relative to its root, that becomes the volume; then the
  // size is the image's. Empty: none.
  std::string quota_path;
};

// Attach, detach or delete.
struct VolumeOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string volume;                 // name or id
  DiskFate fate = DiskFate::kDelete;  // of a delete
};

struct ResizeVolumeOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string volume;  // name or id
  uint32_t size_mib = 0;
};

struct VolumeView {
  VolumeRecord volume;
  std::string attached_to;  // TenantEntry::HolderOf
  std::string made_for;     // TenantEntry::OwnerOf
};

// Thread-safe; calls block on the disk and the hypervisor. Errors of every call: INVALID_ARGUMENT;
// NOT_FOUND / kVolumeNotFound; ABORTED / kChangeInFlight; UNAVAILABLE; INTERNAL.
class VolumeLifecycle {
 public:
  VolumeLifecycle(const Settings& settings, const Ports& ports, Registry& registry,
                  QuotaMoves& quota_moves)
      : settings_(settings), ports_(ports), registry_(registry), quota_moves_(quota_moves) {}

  // Either all of it is there afterwards or nothing. A repeated request waits for the first one and
  // answers with what it made. Errors: also ALREADY_EXISTS / kVolumeNameTaken, kRequestIdReused;
  // FAILED_PRECONDITION / kVolumeInUse for a source that a VM has; RESOURCE_EXHAUSTED /
  // kTenantDiskLimit; with `quota_path` those of QuotaMoves::Extract.
  absl::StatusOr<VolumeView> Create(const CreateVolumeOrder& order);

  // Plugs it into the primary; no change if the primary has it. Errors: also FAILED_PRECONDITION /
  // kVolumeInUse, kPrimaryHasNoSlot.
  absl::StatusOr<VolumeView> Attach(const VolumeOrder& order);

  // Takes it out of the primary; no change if nobody has it. Errors: also FAILED_PRECONDITION /
  // kVolumeInUse if a secondary has it, kPrimaryKeepsDisk.
  absl::StatusOr<VolumeView> Detach(const VolumeOrder& order);

  // Makes it larger, also while the primary has it. The same size again tells the primary of it
  // again. Errors: also FAILED_PRECONDITION / kVolumeInUse if a secondary has it;
  // RESOURCE_EXHAUSTED / kTenantDiskLimit.
  absl::StatusOr<VolumeView> Resize(const ResizeVolumeOrder& order);

  // Answers with it as it last was. If a step fails it stays in kDeleting, still counted, and the
  // reconciler goes on; with DiskFate::kReturn it stays as it was, or in kReturning. Errors: also
  // FAILED_PRECONDITION / kVolumeInUse; with kReturn kNotFromQuotaDisk and those of
  // QuotaReturns::Return.
  absl::StatusOr<VolumeView> Delete(const VolumeOrder& order);

  // Deletes the volume that a secondary, which does not run any more, has for its own; OK if it has
  // none, or it is gone. For VmLifecycle.
  absl::Status DeleteOwn(const VmRecord& vm);

  // Removes the file and the record of a volume that nobody has. Idempotent. For Delete, undo and
  // the reconciler.
  absl::Status RemoveEffects(const VolumeRecord& volume);

  // Goes on with a delete that failed half-way; OK if the volume is gone or is not being deleted.
  // For the reconciler.
  absl::Status FinishDelete(const std::string& tenant, const std::string& id);

  // Brings a ready volume's file to the size on record, and takes it out of the primary where the
  // running instance lacks it: an attach that was not finished, or a detach. For the reconciler, at
  // start.
  absl::Status Repair(const std::string& tenant, const std::string& id);

 private:
  class Creation;

  absl::StatusOr<std::unique_ptr<VolumeView>> FindEarlierCreate(const CreateVolumeOrder& order);
  absl::StatusOr<std::unique_ptr<VolumeView>> FindEarlierDelete(const VolumeOrder& order);
  // Create, once it is known that nobody has asked for it before.
  absl::StatusOr<VolumeView> Make(const CreateVolumeOrder& order);
  // On disk first, then in the registry.
  absl::Status Commit(const VolumeRecord& volume);
  absl::Status Unplug(const VolumeRecord& volume, const std::string& primary);
  absl::Status Plug(const VolumeRecord& volume, const std::string& primary);
  // Delete, of a volume that nobody has and whose change has begun.
  absl::StatusOr<VolumeView> Return(const VolumeOrder& order, const VolumeRecord& volume);
  void Remember(const VolumeOrder& order, const VolumeRecord& volume);

  // After a volume that came from the quota disk has gone: the disk grows again.
  void GiveBack(const VolumeRecord& volume);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
  QuotaMoves& quota_moves_;
};

}  // namespace flatvm::broker
