// RecordStore in memory. Survives what a test does to the broker, as a disk would.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "daemon/base/error.h"
#include "daemon/broker/record_store.h"
#include "tests/fakes/fail_next.h"

namespace flatvm::fakes {

// Thread-safe.
class FakeRecords final : public broker::RecordStore, public FailableFake {
 public:
  absl::Status PutTenant(const broker::TenantRecord& record) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    tenants_.insert_or_assign(record.name, record);
    return absl::OkStatus();
  }

  absl::Status RemoveTenant(const std::string& tenant) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    tenants_.erase(tenant);
    return absl::OkStatus();
  }

  absl::Status PutVm(const broker::VmRecord& record) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    vms_.insert_or_assign(record.id, record);
    return absl::OkStatus();
  }

  absl::Status RemoveVm(const std::string& /*tenant*/, const std::string& vm_id) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    vms_.erase(vm_id);
    return absl::OkStatus();
  }

  absl::Status PutVolume(const broker::VolumeRecord& record) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    volumes_.insert_or_assign(record.id, record);
    return absl::OkStatus();
  }

  absl::Status RemoveVolume(const std::string& /*tenant*/, const std::string& volume_id) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    volumes_.erase(volume_id);
    return absl::OkStatus();
  }

  absl::Status PutImage(const broker::ImageRecord& record) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    images_.insert_or_assign(record.id, record);
    return absl::OkStatus();
  }

  absl::Status RemoveImage(const std::string& /*tenant*/, const std::string& image_id) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    images_.erase(image_id);
    return absl::OkStatus();
  }

  absl::Status PutNextCid(uint32_t next_cid) override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    next_cid_ = next_cid;
    return absl::OkStatus();
  }

  absl::StatusOr<broker::StoredState> Load() override {
    FLATVM_RETURN_IF_ERROR(TakeFailure(__func__));
    const std::lock_guard lock(mutex_);
    broker::StoredState stored{.next_cid = next_cid_};
    for (const auto& [name, tenant] : tenants_) stored.tenants.push_back(tenant);
    for (const auto& [id, vm] : vms_) stored.vms.push_back(vm);
    for (const auto& [id, volume] : volumes_) stored.volumes.push_back(volume);
    for (const auto& [id, image] : images_) stored.images.push_back(image);
    return stored;
  }

  std::map<std::string, broker::VmRecord> Vms() {
    const std::lock_guard lock(mutex_);
    return vms_;
  }

  std::map<std::string, broker::VolumeRecord> Volumes() {
    const std::lock_guard lock(mutex_);
    return volumes_;
  }

  std::map<std::string, broker::ImageRecord> Images() {
    const std::lock_guard lock(mutex_);
    return images_;
  }

  std::map<std::string, broker::TenantRecord> Tenants() {
    const std::lock_guard lock(mutex_);
    return tenants_;
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::map<std::string, broker::TenantRecord> tenants_;
  std::map<std::string, broker::VmRecord> vms_;
  std::map<std::string, broker::VolumeRecord> volumes_;
  std::map<std::string, broker::ImageRecord> images_;
  uint32_t next_cid_ = 0;
};

}  // namespace flatvm::fakes
