#include "tests/fakes/fake_quota_disks.h"

#include "daemon/base/error.h"
#include "daemon/base/types.h"

namespace flatvm::fakes {
namespace {

uint32_t MibOf(uint64_t bytes) {
  return static_cast<uint32_t>((bytes + base::kMebibyte - 1) / base::kMebibyte);
}

}  // namespace

FakeQuotaDisks::State FakeQuotaDisks::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void FakeQuotaDisks::PutImage(const std::string& tenant, const std::string& path, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  state_.disks[tenant].images[path] = bytes;
}

std::string FakeQuotaDisks::QuotaDiskPath(const std::string& tenant) const {
  return "/tenants/" + tenant + "/quota.raw";
}

absl::Status FakeQuotaDisks::EnsureQuotaDisk(const std::string& tenant, uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  state_.disks.try_emplace(tenant, FakeQuotaDisk{.size_mib = size_mib});
  state_.inserted.erase(tenant);
  return absl::OkStatus();
}

absl::Status FakeQuotaDisks::GrowQuotaDisk(const std::string& tenant, uint32_t size_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  const auto found = state_.disks.find(tenant);
  if (found == state_.disks.end() || found->second.size_mib > size_mib) {
    return base::InternalError("no such quota disk, or a larger one");
  }
  found->second.size_mib = size_mib;
  return absl::OkStatus();
}

absl::Status FakeQuotaDisks::RemoveQuotaDisk(const std::string& tenant) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  state_.disks.erase(tenant);
  return absl::OkStatus();
}

absl::Status FakeQuotaDisks::Pass(base::Step step) {
  steps_.Pass(step);
  return TakeFailure(step.info().name);
}

absl::StatusOr<storage::Extracted> FakeQuotaDisks::Extract(const storage::ExtractOrder& order) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  FLATVM_RETURN_IF_ERROR(Pass("out.worker"));
  const auto disk = state_.disks.find(order.tenant);
  if (disk == state_.disks.end() || disk->second.size_mib != order.quota_disk_mib) {
    return base::InternalError("no such quota disk");
  }
  const auto image = disk->second.images.find(order.path);
  if (image == disk->second.images.end()) {
    return base::MakeError(absl::StatusCode::kNotFound, base::Reason::kImageNotFound,
                           "there is no such file on the quota disk");
  }
  FLATVM_RETURN_IF_ERROR(Pass("out.found"));
  state_.beside[order.tenant][order.volume_id] = {.path = order.path, .image_bytes = image->second};
  FLATVM_RETURN_IF_ERROR(Pass("out.files"));
  FLATVM_RETURN_IF_ERROR(Pass("out.made"));
  FLATVM_RETURN_IF_ERROR(Pass("out.synced"));
  return storage::Extracted{.image_bytes = image->second, .cuts = "cut"};
}

absl::Status FakeQuotaDisks::Swap(const std::string& tenant, const std::string& volume_id,
                                  const storage::Extracted& /*extracted*/) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  auto& beside = state_.beside[tenant];
  const auto found = beside.find(volume_id);
  if (found != beside.end()) {
    FakeExtraction& made = found->second;
    const uint32_t size_mib = MibOf(made.image_bytes);
    if (!made.swapped) {
      FLATVM_RETURN_IF_ERROR(Pass("out.disk-moved"));
      FakeQuotaDisk& disk = state_.disks[tenant];
      disk.images.erase(made.path);
      disk.size_mib -= size_mib;
      made.swapped = true;
      FLATVM_RETURN_IF_ERROR(Pass("out.swapped"));
    }
    FLATVM_RETURN_IF_ERROR(Pass("out.cutting"));
    FLATVM_RETURN_IF_ERROR(Pass("out.cut"));
    FLATVM_RETURN_IF_ERROR(storage_.CreateVolume(tenant, volume_id, size_mib));
    beside.erase(found);
    FLATVM_RETURN_IF_ERROR(Pass("out.named"));
  }
  if (beside.empty()) state_.beside.erase(tenant);
  return absl::OkStatus();
}

absl::Status FakeQuotaDisks::Discard(const std::string& tenant, const std::string& volume_id) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  state_.inserted.erase(tenant);
  state_.beside[tenant].erase(volume_id);
  if (state_.beside[tenant].empty()) state_.beside.erase(tenant);
  return absl::OkStatus();
}

absl::Status FakeQuotaDisks::CheckPlace(const storage::ReturnOrder& order) {
  FLATVM_RETURN_IF_ERROR(Pass("back.worker"));
  const auto disk = state_.disks.find(order.tenant);
  if (disk == state_.disks.end() || disk->second.size_mib >= order.new_disk_mib) {
    return base::InternalError("no such quota disk, or it does not grow");
  }
  if (!disk->second.images.contains(order.path)) return Pass("back.found");
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaPathUnusable,
                         "there is another file");
}

absl::Status FakeQuotaDisks::CheckReturn(const storage::ReturnOrder& order) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  return CheckPlace(order);
}

absl::Status FakeQuotaDisks::Insert(const storage::ReturnOrder& order) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  FLATVM_RETURN_IF_ERROR(CheckPlace(order));
  state_.inserted[order.tenant] = {.path = order.path, .new_disk_mib = order.new_disk_mib};
  FLATVM_RETURN_IF_ERROR(Pass("back.files"));
  FLATVM_RETURN_IF_ERROR(Pass("back.made"));
  return Pass("back.synced");
}

absl::StatusOr<storage::SwappedBack> FakeQuotaDisks::SwapBack(const std::string& tenant,
                                                              const std::string& volume_id,
                                                              uint32_t new_disk_mib) {
  FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
  const std::lock_guard lock(mutex_);
  FakeQuotaDisk& disk = state_.disks[tenant];
  if (const auto made = state_.inserted.find(tenant); made != state_.inserted.end()) {
    disk.images[made->second.path] = (new_disk_mib - disk.size_mib) * base::kMebibyte;
    disk.size_mib = made->second.new_disk_mib;
    state_.inserted.erase(made);
    FLATVM_RETURN_IF_ERROR(Pass("back.swapped"));
  }
  if (disk.size_mib != new_disk_mib) return storage::SwappedBack::kNothingMade;
  FLATVM_RETURN_IF_ERROR(storage_.RemoveVolume(tenant, volume_id));
  FLATVM_RETURN_IF_ERROR(Pass("back.removed"));
  return storage::SwappedBack::kDone;
}

}  // namespace flatvm::fakes
