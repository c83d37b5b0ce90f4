// A tenant as the registry has it: its record with all that belongs to it. Plain data behind the
// registry's lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

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
  // A network beside its first, by name; null if there is none.
  const NetworkRecord* FindNetwork(const std::string& name) const;
  // Secondaries that have a NIC on it, whatever their state.
  uint32_t CountOn(const std::string& network) const;

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
  bool updating = false;          // limits or networks are being changed
  bool remaking_network = false;  // the first one or all; nobody may come or go meanwhile
  std::string changing_network;   // one beside it that comes or goes, likewise; empty: none
  bool changing = false;          // a change of the tenant itself is under way
  bool effects_pending = false;   // slice, directory or a network failed; to be tried again
  bool quota_pending = false;  // its quota disk could not be grown or plugged in; to be tried again
  bool quota_kept =
      false;  // its guest was asked for the quota disk in vain, and may let go of it yet
  // The hypervisor could not be asked whether a connection's CID is the running primary's: nothing
  // is answered until it was.
  bool unverified = false;
  network::AddressPool addresses;  // of the first network; of others records say who has which
  RequestMemory<VmRecord> finished_destroys;
  RequestMemory<VolumeRecord> finished_deletes;
  RequestMemory<ImageRecord> finished_removals;
};

}  // namespace flatvm::broker
