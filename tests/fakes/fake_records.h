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
    return stored;
  }

  std::map<std::string, broker::VmRecord> Vms() {
    const std::lock_guard lock(mutex_);
    return vms_;
  }

  std::map<std::string, broker::TenantRecord> Tenants() {
    const std::lock_guard lock(mutex_);
    return tenants_;
  }

 private:
  std::mutex mutex_;  // guards what follows
  std::map<std::string, broker::TenantRecord> tenants_;
  std::map<std::string, broker::VmRecord> vms_;
  uint32_t next_cid_ = 0;
};

}  // namespace flatvm::fakes
