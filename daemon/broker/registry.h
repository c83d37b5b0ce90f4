// What runs now: every tenant and secondary, in memory, behind one lock. Not the disk's copy
// (RecordStore) and not the logic: rooms beside this one decide, the registry only finds and holds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"
#include "daemon/broker/tenant_entry.h"  // IWYU pragma: export

namespace flatvm::broker {

// All tenants. Reached through Registry::Acquire only.
class RegistryState {
 public:
  TenantEntry* FindTenant(const std::string& name);
  TenantEntry* FindTenantByCid(base::VsockCid cid);
  TenantEntry* FindTenantByPrimary(const std::string& uuid);
  // NOT_FOUND / kTenantNotFound; a tenant that is half made or half removed is found too.
  absl::StatusOr<TenantEntry*> GetTenant(const std::string& name);
  // A tenant that is kReady and not changing. Errors: NOT_FOUND / kTenantNotFound, ABORTED /
  // kChangeInFlight.
  absl::StatusOr<TenantEntry*> GetReadyTenant(const std::string& name);
  // Of one tenant; NOT_FOUND / kVmNotFound with the same text whether it is nobody's or another
  // tenant's.
  static absl::StatusOr<VmRecord*> GetVm(TenantEntry& tenant, const std::string& reference);
  // Likewise; NOT_FOUND / kVolumeNotFound.
  static absl::StatusOr<VolumeRecord*> GetVolume(TenantEntry& tenant, const std::string& reference);
  // A network beside the first that neither comes nor goes. Errors: NOT_FOUND / kNetworkNotFound
  // naming `field`; ABORTED / kChangeInFlight.
  static absl::StatusOr<const NetworkRecord*> GetNetwork(const TenantEntry& tenant,
                                                         const std::string& field,
                                                         const std::string& name);
  // Errors: FAILED_PRECONDITION / kNoQuotaDisk.
  static absl::Status CheckQuotaDisk(const TenantEntry& tenant);
  // Likewise; NOT_FOUND / kImageNotFound.
  static absl::StatusOr<ImageRecord*> GetImage(TenantEntry& tenant, const std::string& reference);
  // Errors: ALREADY_EXISTS / kVolumeNameTaken.
  static absl::Status CheckVolumeName(const TenantEntry& tenant, const std::string& name);
  // The same for a change of it: a volume that is kReady, and that no other change is under way
  // for. Errors: also ABORTED / kChangeInFlight.
  static absl::StatusOr<VolumeRecord*> GetIdleVolume(TenantEntry& tenant,
                                                     const std::string& reference);
  // The same for a new holder. Errors: also FAILED_PRECONDITION / kVolumeInUse.
  static absl::StatusOr<VolumeRecord*> GetFreeVolume(TenantEntry& tenant,
                                                     const std::string& reference);
  // True if a tenant's primary or a secondary has it.
  bool HasCid(base::VsockCid cid) const;
  // UUIDs of all primaries and secondaries.
  std::set<std::string> ListDomains() const;

  std::map<std::string, TenantEntry> tenants;  // by name
};

// Thread-safe. While an Access is held no libvirt, systemd, network or disk call is made.
class Registry {
 public:
  // The state, locked for as long as this lives.
  class Access {
   public:
    explicit Access(Registry& registry) : registry_(registry), lock_(registry.mutex_) {}
    RegistryState* operator->() { return &registry_.state_; }
    RegistryState& operator*() { return registry_.state_; }

    // Releases the lock until NotifyChanged or the deadline; false at the deadline.
    bool WaitForChange(std::chrono::steady_clock::time_point deadline) {
      return registry_.changed_.wait_until(lock_, deadline) == std::cv_status::no_timeout;
    }

   private:
    Registry& registry_;
    std::unique_lock<std::mutex> lock_;
  };

  Access Acquire() { return Access(*this); }
  // Wakes those who wait for a change in flight to end.
  void NotifyChanged() { changed_.notify_all(); }

 private:
  std::mutex mutex_;  // guards state_
  std::condition_variable changed_;
  RegistryState state_;
};

}  // namespace flatvm::broker
