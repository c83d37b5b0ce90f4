// Port: tenants' quota disks, and the images that leave them. The real one is quota_files.h.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/disk_stamp.h"
#include "storage/quota_worker.h"

namespace flatvm::storage {

struct ExtractOrder {
  std::string tenant;
  std::string volume_id;        // whose file the image becomes
  std::string path;             // of the image in the quota disk's filesystem, relative to its root
  uint32_t quota_disk_mib = 0;  // what the disk has now
};

// What an extraction found and made.
struct Extracted {
  uint64_t image_bytes = 0;  // the image's length: 512 or a multiple
  // How the old disk becomes the image, in Swap; opaque printable ASCII. Empty: the image was made
  // already.
  std::string cuts;
};

// What came of an extraction from a disk that a VM had, and when that was last written to before.
struct EarlyExtraction {
  absl::StatusOr<Extracted> result;
  DiskStamp disk;
};

// Thread-safe for different tenants; one tenant's quota disk is changed by one thread at a time,
// and while no VM has it but where it says so. Every call but QuotaDiskPath blocks. Errors of all:
// INTERNAL.
class QuotaDisks {
 public:
  virtual ~QuotaDisks() = default;

  // Where a tenant's quota disk is or would be; absolute; touches nothing.
  virtual std::string QuotaDiskPath(const std::string& tenant) const = 0;

  // A raw disk of `size_mib` with an empty ext4 on it; one that is there stays, and what a crash
  // left beside it of one that was to replace it goes. Not while an image moves. Leaves nothing
  // behind on failure.
  virtual absl::Status EnsureQuotaDisk(const std::string& tenant, uint32_t size_mib) = 0;

  // Makes it `size_mib` large, its size or more; its filesystem is its guest's to grow. A VM may
  // have it.
  virtual absl::Status GrowQuotaDisk(const std::string& tenant, uint32_t size_mib) = 0;

  // OK if it is not there.
  virtual absl::Status RemoveQuotaDisk(const std::string& tenant) = 0;

  // That Extract, or ImageReturns' calls, follow as soon as no VM has the tenant's disk: what they
  // need is made ready meanwhile, for as long as the returned lives. Returns at once; may be null.
  virtual std::unique_ptr<PreparedWorker> Prepare(const std::string& tenant) = 0;

  // That another such change may follow within minutes: what it needs is kept ready until it does,
  // for some minutes at most, or until Dismiss. Returns at once.
  virtual void KeepReady(const std::string& tenant) = 0;
  virtual void Dismiss(const std::string& tenant) = 0;

  // Makes, beside the old ones, the quota disk without the image, smaller by the image's size in
  // whole MiB, and the image. Nobody sees either before Swap. Errors: also FAILED_PRECONDITION /
  // kQuotaDiskUnusable (what is on it is no filesystem that we take), kQuotaDiskFull (what else is
  // on it leaves no room to shrink), kImageUnusable; NOT_FOUND / kImageNotFound; UNAVAILABLE;
  // DEADLINE_EXCEEDED / kStageTimedOut.
  virtual absl::StatusOr<Extracted> Extract(const ExtractOrder& order) = 0;

  // The same while a VM may have the disk and write to it. What comes of it, an error, too, is true
  // if IsUnchanged says so when no VM has the disk any more; else it is to be discarded, and
  // Extract called. nullopt, nothing made: not on this host's filesystem, or the disk is being
  // written to.
  virtual absl::StatusOr<std::optional<EarlyExtraction>> ExtractEarly(
      const ExtractOrder& order) = 0;

  // That nobody wrote to the disk since `before`.
  virtual absl::StatusOr<bool> IsUnchanged(const std::string& tenant, const DiskStamp& before) = 0;

  // Puts what Extract made in the old ones' place. Idempotent, and not to be undone.
  virtual absl::Status Swap(const std::string& tenant, const std::string& volume_id,
                            const Extracted& extracted) = 0;

  // Removes what Extract, or ImageReturns::Insert, made, also a part of it. Idempotent; not after
  // Swap or SwapBack has begun.
  virtual absl::Status Discard(const std::string& tenant, const std::string& volume_id) = 0;
};

}  // namespace flatvm::storage
