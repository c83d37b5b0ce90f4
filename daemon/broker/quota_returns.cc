#include "daemon/broker/quota_returns.h"

#include "daemon/base/error.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/unfinished_move.h"

namespace flatvm::broker {

absl::Status QuotaReturns::CheckOrigin(const VolumeRecord& volume) {
  if (volume.quota_mib != 0) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kFailedPrecondition, base::Reason::kNotFromQuotaDisk,
      base::StrCat("volume \"", volume.name, "\" did not come from the quota disk"));
}

storage::ReturnOrder QuotaReturns::OrderOf(const VolumeRecord& volume) {
  storage::ReturnOrder order{
      .tenant = volume.tenant, .volume_id = volume.id, .path = volume.asked_quota_path};
  Registry::Access state = registry_.Acquire();
  if (const TenantEntry* tenant = state->FindTenant(volume.tenant); tenant != nullptr) {
    order.new_disk_mib = QuotaDiskMib(tenant->record, tenant->volumes) + volume.quota_mib;
  }
  return order;
}

absl::Status QuotaReturns::Check(const VolumeRecord& volume, QuotaTurn& turn) {
  FLATVM_RETURN_IF_ERROR(turn.Unplug());
  return ports_.image_returns.CheckReturn(OrderOf(volume));
}

absl::Status QuotaReturns::Put(const VolumeRecord& volume) {
  FLATVM_RETURN_IF_ERROR(ports_.records.PutVolume(volume));
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(volume.tenant); tenant != nullptr) {
    tenant->volumes.insert_or_assign(volume.id, volume);
  }
  return absl::OkStatus();
}

absl::Status QuotaReturns::Return(const VolumeRecord& volume, const std::string& request_id,
                                  QuotaTurn& turn) {
  base::RollbackStack rollback(
      ports_.log, base::LogFields{.request = request_id, .tenant = volume.tenant, .op = "return"});
  ports_.steps.Pass("back.asked");
  FLATVM_RETURN_IF_ERROR(turn.Unplug());
  ports_.steps.Pass("back.unplugged");
  const storage::ReturnOrder order = OrderOf(volume);
  rollback.Push("files", [&] { return ports_.quota_disks.Discard(volume.tenant, volume.id); });
  FLATVM_RETURN_IF_ERROR(ports_.image_returns.Insert(order));
  VolumeRecord returning = volume;
  returning.state = VolumeState::kReturning;
  returning.new_disk_mib = order.new_disk_mib;
  // If it cannot be said that this did not reach the disk, it is taken back there, too.
  rollback.Push("record", [&] { return Put(volume); });
  FLATVM_RETURN_IF_ERROR(Put(returning));
  rollback.Release();
  ports_.steps.Pass("back.decided");
  return Finish(returning);
}

absl::Status QuotaReturns::Finish(const VolumeRecord& volume) {
  FLATVM_ASSIGN_OR_RETURN(
      const storage::SwappedBack swapped,
      ports_.image_returns.SwapBack(volume.tenant, volume.id, volume.new_disk_mib));
  if (swapped == storage::SwappedBack::kNothingMade) {
    VolumeRecord ready = volume;
    ready.state = VolumeState::kReady;
    ready.new_disk_mib = 0;
    FLATVM_RETURN_IF_ERROR(Put(ready));
    return base::InternalError(
        "what was made of a quota disk is gone; its image is a volume still");
  }
  FLATVM_RETURN_IF_ERROR(ports_.records.RemoveVolume(volume.tenant, volume.id));
  ports_.steps.Pass("back.forgotten");
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(volume.tenant); tenant != nullptr) {
    tenant->volumes.erase(volume.id);
  }
  return absl::OkStatus();
}

absl::Status QuotaReturns::FinishReturn(const std::string& tenant, const std::string& id) {
  const auto move = UnfinishedMove::Claim(registry_, tenant, id, VolumeState::kReturning);
  return move == nullptr ? absl::OkStatus() : Finish(move->volume());
}

}  // namespace flatvm::broker
