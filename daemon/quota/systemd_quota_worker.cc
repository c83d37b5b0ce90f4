#include "daemon/quota/systemd_quota_worker.h"

#include "daemon/base/error.h"
#include "daemon/quota/worker_link.h"

namespace flatvm::quota {
namespace {

// More extents than a usable image has: storage's own limit is checked behind this.
constexpr size_t kMaxPackets = 2000;

internal::ImageWay WireOf(storage::ImageWay way) {
  switch (way) {
    case storage::ImageWay::kShare:
      return internal::IMAGE_SHARE;
    case storage::ImageWay::kCopy:
      return internal::IMAGE_COPY;
    case storage::ImageWay::kLeave:
      return internal::IMAGE_LEAVE;
  }
  return internal::IMAGE_WAY_UNSPECIFIED;
}

// Both files of an image's move with its order, and the answer. e2fsprogs open the disk anew, so
// the worker's user owns it meanwhile.
absl::Status HandOver(WorkerLink& link, const internal::ToQuotaWorker& order, int image,
                      int new_disk) {
  FLATVM_RETURN_IF_ERROR(link.Lend(new_disk));
  FLATVM_RETURN_IF_ERROR(link.Send(order, image));
  internal::ToQuotaWorker disk;
  disk.mutable_new_disk();
  FLATVM_RETURN_IF_ERROR(link.Send(disk, new_disk));
  FLATVM_RETURN_IF_ERROR(link.Receive().status());
  return link.TakeBack(new_disk);
}

class WorkerExtraction final : public storage::ImageExtraction {
 public:
  WorkerExtraction(std::unique_ptr<WorkerLink> link, int disk, std::string path)
      : link_(std::move(link)), disk_(disk), path_(std::move(path)) {}

  absl::StatusOr<storage::FoundImage> Find() override {
    internal::ToQuotaWorker message;
    message.mutable_find_image()->set_path(path_);
    FLATVM_RETURN_IF_ERROR(link_->Send(message, disk_));
    storage::FoundImage found;
    for (size_t i = 0; i < kMaxPackets; ++i) {
      FLATVM_ASSIGN_OR_RETURN(const internal::FromQuotaWorker answer, link_->Receive());
      found.image_bytes = answer.image_bytes();
      for (const internal::FoundExtent& extent : answer.extents()) {
        found.extents.push_back({.file_offset = extent.file_offset(),
                                 .disk_offset = extent.disk_offset(),
                                 .length = extent.length()});
      }
      if (!answer.more()) return found;
    }
    return base::InternalError("the quota worker found too many extents");
  }

  absl::Status Take(storage::ImageWay way, int image, int new_disk,
                    uint32_t new_disk_mib) override {
    internal::ToQuotaWorker take;
    take.mutable_take_image()->set_way(WireOf(way));
    take.mutable_take_image()->set_new_disk_mib(new_disk_mib);
    return HandOver(*link_, take, image, new_disk);
  }

 private:
  const std::unique_ptr<WorkerLink> link_;
  const int disk_;
  const std::string path_;
};

class WorkerReturn final : public storage::ImageReturn {
 public:
  WorkerReturn(std::unique_ptr<WorkerLink> link, int disk, std::string path)
      : link_(std::move(link)), disk_(disk), path_(std::move(path)) {}

  absl::Status Check(uint64_t data_bytes, uint32_t new_disk_mib) override {
    internal::ToQuotaWorker message;
    message.mutable_find_place()->set_path(path_);
    message.mutable_find_place()->set_data_bytes(data_bytes);
    message.mutable_find_place()->set_new_disk_mib(new_disk_mib);
    FLATVM_RETURN_IF_ERROR(link_->Send(message, disk_));
    return link_->Receive().status();
  }

  absl::Status Put(storage::ImageWay way, int image, int new_disk, uint32_t new_disk_mib) override {
    internal::ToQuotaWorker put;
    put.mutable_put_image()->set_way(WireOf(way));
    put.mutable_put_image()->set_new_disk_mib(new_disk_mib);
    return HandOver(*link_, put, image, new_disk);
  }

 private:
  const std::unique_ptr<WorkerLink> link_;
  const int disk_;
  const std::string path_;
};

}  // namespace

StartedWorker SystemdQuotaWorker::StartWorker(const std::string& tenant) const {
  return WorkerLink::Start(
      options_.open_bus,
      {.tenant = tenant, .program = options_.program, .stop_at = options_.stop_at},
      options_.job_timeout, log_);
}

StartedWorker SystemdQuotaWorker::TakeWorker(const std::string& tenant) {
  std::unique_ptr<WorkerLink> prepared = prepared_.Take(tenant);
  if (prepared != nullptr) return prepared;
  return StartWorker(tenant);
}

std::unique_ptr<storage::PreparedWorker> SystemdQuotaWorker::Prepare(const std::string& tenant) {
  return prepared_.Prepare(tenant, [this, tenant] { return StartWorker(tenant); });
}

void SystemdQuotaWorker::KeepReady(const std::string& tenant) {
  prepared_.KeepReady(
      tenant, [this, tenant] { return StartWorker(tenant); }, options_.ready_after);
}

absl::Status SystemdQuotaWorker::Format(const std::string& tenant, int disk) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<WorkerLink> link, TakeWorker(tenant));
  FLATVM_RETURN_IF_ERROR(link->Lend(disk));
  internal::ToQuotaWorker message;
  message.mutable_format();
  FLATVM_RETURN_IF_ERROR(link->Send(message, disk));
  FLATVM_RETURN_IF_ERROR(link->Receive().status());
  return link->TakeBack(disk);
}

absl::StatusOr<std::unique_ptr<storage::ImageExtraction>> SystemdQuotaWorker::Begin(
    const std::string& tenant, int disk, const std::string& path) {
  FLATVM_ASSIGN_OR_RETURN(std::unique_ptr<WorkerLink> link, TakeWorker(tenant));
  return std::make_unique<WorkerExtraction>(std::move(link), disk, path);
}

absl::StatusOr<std::unique_ptr<storage::ImageReturn>> SystemdQuotaWorker::BeginReturn(
    const std::string& tenant, int disk, const std::string& path) {
  FLATVM_ASSIGN_OR_RETURN(std::unique_ptr<WorkerLink> link, TakeWorker(tenant));
  return std::make_unique<WorkerReturn>(std::move(link), disk, path);
}

}  // namespace flatvm::quota
