// Port: where records survive. The real one writes JSON files (daemon/state).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"

namespace flatvm::broker {

struct StoredState {
  std::vector<TenantRecord> tenants;
  std::vector<VmRecord> vms;
  std::vector<VolumeRecord> volumes;
  std::vector<ImageRecord> images;
  uint32_t next_cid = 0;  // 0: never written
};

// Thread-safe for different records; one record is written by one thread at a time. Every call
// blocks until the disk has it. Errors: INTERNAL.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  virtual absl::Status PutTenant(const TenantRecord& record) = 0;
  virtual absl::Status RemoveTenant(const std::string& tenant) = 0;
  virtual absl::Status PutVm(const VmRecord& record) = 0;
  virtual absl::Status RemoveVm(const std::string& tenant, const std::string& vm_id) = 0;
  virtual absl::Status PutVolume(const VolumeRecord& record) = 0;
  virtual absl::Status RemoveVolume(const std::string& tenant, const std::string& volume_id) = 0;
  virtual absl::Status PutImage(const ImageRecord& record) = 0;
  virtual absl::Status RemoveImage(const std::string& tenant, const std::string& image_id) = 0;
  virtual absl::Status PutNextCid(uint32_t next_cid) = 0;
  // Errors: INTERNAL naming the file and what is wrong in it.
  virtual absl::StatusOr<StoredState> Load() = 0;
};

}  // namespace flatvm::broker
