#include "daemon/broker/quota_moves.h"

#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/rollback.h"
#include "daemon/base/types.h"
#include "daemon/base/uuid.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/in_flight_mark.h"
#include "daemon/broker/unfinished_move.h"

namespace flatvm::broker {
namespace {

// Whole MiB, as everything is counted. Of at most kMaxVirtualSizeBytes.
uint32_t MibOf(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + base::kMebibyte - 1) / base::kMebibyte);
}

}  // namespace

// One move, from reservation to the volume that is there.
class QuotaMoves::Extraction {
 public:
  Extraction(QuotaMoves& owner, const ExtractVolumeOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(
            owner.ports_.log,
            base::LogFields{.request = order.request_id, .tenant = order.tenant, .op = "extract"}) {
  }

  // What would be made.
  absl::StatusOr<VolumeRecord> Validate() {
    FLATVM_RETURN_IF_ERROR(Reserve());
    return volume_;
  }

  absl::StatusOr<VolumeRecord> Run(QuotaTurn& turn) {
    FLATVM_RETURN_IF_ERROR(Reserve());
    Pass("out.asked");
    rollback_.Push("record", [this] {
      return owner_.ports_.records.RemoveVolume(volume_.tenant, volume_.id);
    });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutVolume(volume_));
    Pass("out.intent");
    rollback_.Push("files", [this] { return Discard(); });
    FLATVM_ASSIGN_OR_RETURN(const storage::Extracted extracted, ExtractMeanwhile(turn));
    FLATVM_RETURN_IF_ERROR(Note(extracted));
    FLATVM_RETURN_IF_ERROR(Decide());
    rollback_.Release();
    Pass("out.decided");
    // What fails from here on is done again by the reconciler.
    FLATVM_RETURN_IF_ERROR(owner_.Finish(&volume_));
    return volume_;
  }

 private:
  void Pass(base::Step step) const { owner_.ports_.steps.Pass(step); }

  absl::Status Reserve() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order_.tenant));
    FLATVM_RETURN_IF_ERROR(RegistryState::CheckQuotaDisk(*tenant));
    FLATVM_RETURN_IF_ERROR(RegistryState::CheckVolumeName(*tenant, order_.name));
    quota_disk_mib_ = QuotaDiskMib(tenant->record, tenant->volumes);
    volume_.tenant = order_.tenant;
    volume_.name = order_.name;
    volume_.created_at = owner_.ports_.clock.Now();
    volume_.request_id = order_.request_id;
    volume_.asked_quota_path = order_.path;
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();
    volume_.id = base::NewUuid();
    tenant->volumes.emplace(volume_.id, volume_);
    tenant->in_flight.insert(volume_.id);
    mark_.emplace(owner_.registry_, order_.tenant, volume_.id);
    rollback_.Push("reservation", [this] {
      Registry::Access undo = owner_.registry_.Acquire();
      if (TenantEntry* entry = undo->FindTenant(order_.tenant)) entry->volumes.erase(volume_.id);
      return absl::OkStatus();
    });
    return absl::OkStatus();
  }

  absl::Status Discard() const {
    return owner_.ports_.quota_disks.Discard(volume_.tenant, volume_.id);
  }

  // The guest does not write to a disk that it has let go of, so most of what is to be made of it
  // can be made before the hypervisor has let go of it, too. If it was written to, it is made anew.
  absl::StatusOr<storage::Extracted> ExtractMeanwhile(QuotaTurn& turn) {
    storage::QuotaDisks& disks = owner_.ports_.quota_disks;
    const storage::ExtractOrder order{.tenant = volume_.tenant,
                                      .volume_id = volume_.id,
                                      .path = order_.path,
                                      .quota_disk_mib = quota_disk_mib_};
    turn.Prepare();
    // On a host that has no thread to spare it is done at get().
    auto making = std::async(std::launch::async | std::launch::deferred,
                             [&] { return disks.ExtractEarly(order); });
    const absl::Status unplugged = turn.Unplug();
    const absl::StatusOr<std::optional<storage::EarlyExtraction>> early = making.get();
    FLATVM_RETURN_IF_ERROR(unplugged);
    Pass("out.unplugged");
    if (early.ok() && early->has_value()) {
      FLATVM_ASSIGN_OR_RETURN(const bool unchanged,
                              disks.IsUnchanged(volume_.tenant, (*early)->disk));
      if (unchanged) return (*early)->result;
    }
    FLATVM_RETURN_IF_ERROR(Discard());
    return disks.Extract(order);
  }

  absl::Status Note(const storage::Extracted& extracted) {
    volume_.image_bytes = extracted.image_bytes;
    volume_.size_mib = MibOf(extracted.image_bytes);
    volume_.quota_mib = volume_.size_mib;
    volume_.cuts = extracted.cuts;
    if (volume_.quota_mib < quota_disk_mib_) return absl::OkStatus();
    return base::InternalError("an image as large as the disk that it was on");
  }

  // The commit: on disk first, then for admission. As much is counted after as before.
  absl::Status Decide() {
    volume_.state = VolumeState::kMoving;
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutVolume(volume_));
    Registry::Access state = owner_.registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(order_.tenant); tenant != nullptr) {
      tenant->volumes.insert_or_assign(volume_.id, volume_);
    }
    return absl::OkStatus();
  }

  QuotaMoves& owner_;
  const ExtractVolumeOrder& order_;
  uint32_t quota_disk_mib_ = 0;
  VolumeRecord volume_;
  std::optional<InFlightMark> mark_;
  base::RollbackStack rollback_;  // last: its undo steps use the rest, and run before it is let go
};

absl::StatusOr<VolumeRecord> QuotaMoves::Extract(const ExtractVolumeOrder& order) {
  if (order.mode == Mode::kValidateOnly) return Extraction(*this, order).Validate();
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<QuotaTurn> turn, plug_.TakeTurn(order.tenant));
  FLATVM_ASSIGN_OR_RETURN(VolumeRecord volume, Extract(order, *turn));
  FLATVM_RETURN_IF_ERROR(turn->PlugIn());
  return volume;
}

absl::StatusOr<VolumeRecord> QuotaMoves::Extract(const ExtractVolumeOrder& order, QuotaTurn& turn) {
  return Extraction(*this, order).Run(turn);
}

absl::Status QuotaMoves::Finish(VolumeRecord* volume) {
  FLATVM_RETURN_IF_ERROR(ports_.quota_disks.Swap(
      volume->tenant, volume->id, {.image_bytes = volume->image_bytes, .cuts = volume->cuts}));
  VolumeRecord ready = *volume;
  ready.state = VolumeState::kReady;
  ready.cuts.clear();
  FLATVM_RETURN_IF_ERROR(ports_.records.PutVolume(ready));
  ports_.steps.Pass("out.recorded");
  *volume = ready;
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(ready.tenant); tenant != nullptr) {
    tenant->volumes.insert_or_assign(ready.id, ready);
  }
  return absl::OkStatus();
}

absl::Status QuotaMoves::FinishMove(const std::string& tenant, const std::string& id) {
  const auto move = UnfinishedMove::Claim(registry_, tenant, id, VolumeState::kMoving);
  return move == nullptr ? absl::OkStatus() : Finish(&move->volume());
}

}  // namespace flatvm::broker
