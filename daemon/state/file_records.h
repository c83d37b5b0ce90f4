// RecordStore as JSON files below the state directory: cids.json, and below tenants/<tenant>/
// tenant.json, vms/<id>.json, volumes/<id>.json and images/<id>.json. Written as new file + fsync +
// rename + directory fsync.
#pragma once

#include <string>

#include "daemon/broker/record_store.h"

namespace flatvm::state {

// Thread-safe as RecordStore says.
class FileRecords final : public broker::RecordStore {
 public:
  explicit FileRecords(std::string state_dir) : state_dir_(std::move(state_dir)) {}

  absl::Status PutTenant(const broker::TenantRecord& record) override;
  absl::Status RemoveTenant(const std::string& tenant) override;
  absl::Status PutVm(const broker::VmRecord& record) override;
  absl::Status RemoveVm(const std::string& tenant, const std::string& vm_id) override;
  absl::Status PutVolume(const broker::VolumeRecord& record) override;
  absl::Status RemoveVolume(const std::string& tenant, const std::string& volume_id) override;
  absl::Status PutImage(const broker::ImageRecord& record) override;
  absl::Status RemoveImage(const std::string& tenant, const std::string& image_id) override;
  absl::Status PutNextCid(uint32_t next_cid) override;
  absl::StatusOr<broker::StoredState> Load() override;

 private:
  std::string TenantDir(const std::string& tenant) const;
  std::string VmsDir(const std::string& tenant) const;
  std::string VolumesDir(const std::string& tenant) const;
  std::string ImagesDir(const std::string& tenant) const;
  absl::Status LoadTenant(const std::string& tenant, broker::StoredState* stored);

  const std::string state_dir_;
};

}  // namespace flatvm::state
