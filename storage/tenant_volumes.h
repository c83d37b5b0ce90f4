// Port: the files of tenants' volumes. The real one is volume_files.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::storage {

// Thread-safe for different volumes; one volume is changed by one thread at a time. Every call but
// VolumePath blocks on the disk.
class TenantVolumes {
 public:
  virtual ~TenantVolumes() = default;

  // Where a volume's raw file is or would be; absolute; touches nothing.
  virtual std::string VolumePath(const std::string& tenant, const std::string& volume_id) const = 0;

  // Makes a volume of `size_mib`: zeros, of which the host's disk holds none. Leaves nothing behind
  // on failure.
  virtual absl::Status CreateVolume(const std::string& tenant, const std::string& volume_id,
                                    uint32_t size_mib) = 0;

  // The same with the content of volume `source_id`, which nobody writes to meanwhile, in front;
  // `size_mib` is at least its size. Shares its blocks where the host's filesystem can (XFS,
  // btrfs), and copies its data, but not its holes, where it cannot.
  virtual absl::Status CloneVolume(const std::string& tenant, const std::string& source_id,
                                   const std::string& volume_id, uint32_t size_mib) = 0;

  // Makes the file `size_mib` large, its size or more; what is new is zeros. Never shrinks it:
  // INTERNAL.
  virtual absl::Status GrowVolume(const std::string& tenant, const std::string& volume_id,
                                  uint32_t size_mib) = 0;

  // OK if it is not there.
  virtual absl::Status RemoveVolume(const std::string& tenant, const std::string& volume_id) = 0;

  // Ids of the volumes that have a file, or a part of one that a crash left while it was made,
  // which RemoveVolume takes away.
  virtual absl::StatusOr<std::vector<std::string>> ListVolumes(const std::string& tenant) = 0;
};

}  // namespace flatvm::storage
