// What runs now: every tenant and secondary, in memory, behind one lock. Not the disk's copy
// (RecordStore) and not the logic: rooms beside this one decide, the registry only finds and holds.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"
#include "daemon/broker/request_memory.h"
#include "network/address_pool.h"

namespace flatvm::broker {

// Locked for one tenant's sake, one thread at a time; the registry may be locked inside of them,
// but not around them.
struct TenantLocks {
  std::mutex record;  // while the record on disk is written
  std::mutex slice;   // while the kernel's limits are set
  std::mutex share;   // while the primary's share is decided and set
  std::mutex quota;   // while an image moves or the quota disk's size changes; outside of `disks`
  std::mutex disks;   // while a disk is plugged into the primary or out
};

// How far an import has come; what survives flatvmd is the file's length.
struct ImportProgress {
  uint64_t received_bytes = 0;
  std::chrono::steady_clock::time_point last_change;
};

// A tenant with all it has.
struct TenantEntry {
  explicit TenantEntry(TenantRecord tenant_record)
      : record(std::move(tenant_record)), addresses(record.subnet) {}

  // By name or id; null if there is none.
  VmRecord* FindVm(const std::string& reference);
  VolumeRecord* FindVolume(const std::string& reference);
  ImageRecord* FindImage(const std::string& reference);
  // What has the volume as a disk: "primary" or a secondary's name; empty: nothing.
  std::string HolderOf(const VolumeRecord& volume) const;
  // The name of the secondary that it was made for and goes with; empty: nobody's.
  std::string OwnerOf(const VolumeRecord& volume) const;
  // Name of a secondary whose disk stands on the image; empty: none.
  std::string UserOf(const ImageRecord& image) const;
  // What admission and the primary's share go by: the record's limits, or less during an update.
  const Resources& Ceiling() const { return ceiling.has_value() ? *ceiling : record.limits; }

  TenantRecord record;
  std::map<std::string, VmRecord> vms;            // by id; a record here is a reservation
  std::map<std::string, VolumeRecord> volumes;    // by id; a record here is a reservation, too
  std::map<std::string, ImageRecord> images;      // by id; likewise
  std::map<std::string, ImportProgress> imports;  // by id of a kImporting image
  std::set<std::string> claimed_images;           // ids; see ImageClaim
  std::set<std::string> in_flight;  // ids of secondaries and volumes that a change is under way for
  std::set<std::string> claimed_requests;  // request ids of calls under way; see RequestClaim
  std::shared_ptr<TenantLocks> locks = std::make_shared<TenantLocks>();
  // While limits change, and a lesser amount holds already or a greater one does not yet.
  std::optional<Resources> ceiling;
  bool updating = false;          // limits are being changed
  bool remaking_network = false;  // nobody may come to it meanwhile
  bool changing = false;          // a change of the tenant itself is under way
  bool quota_pending = false;  // its quota disk could not be grown or plugged in; to be tried again
  bool quota_kept =
      false;  // its guest was asked for the quota disk in vain, and may let go of it yet
  // The hypervisor could not be asked whether a connection's CID is the running primary's: nothing
  // is answered until it was.
  bool unverified = false;
  network::AddressPool addresses;
  RequestMemory<VmRecord> finished_destroys;
  RequestMemory<VolumeRecord> finished_deletes;
  RequestMemory<ImageRecord> finished_removals;
};

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
