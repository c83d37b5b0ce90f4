// Volumes as plain data: disks that live longer than the VM that has them.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "flatvm/export.h"

namespace flatvm {

// What a new volume is to be. The host checks it; nothing is checked here.
struct VolumeSpec {
  std::string name{};      // [a-z0-9-]{1,40}, first and last not '-'; unique among the volumes
  uint32_t size_mib = 0;   // MiB, 1..67108864; with clone_of 0: that volume's; else that or more
  std::string clone_of{};  // name or id of a volume that no VM has; empty: the new one is zeros
  // Path of a raw image on the quota disk, from its root, such as "images/web.raw": it becomes the
  // volume, without size_mib and clone_of. The disk must not be mounted. Empty: none.
  std::string from_quota_disk{};

  bool operator==(const VolumeSpec&) const = default;
};

enum class VolumeState : int {
  kUnspecified = 0,
  kCreating = 1,
  kReady = 2,
  kDeleting = 3,
  kMoving = 4,     // an image leaves the quota disk
  kReturning = 5,  // it goes back there
};

// "ready" and its like; "unknown" for one that this version does not know. Thread-safe.
FLATVM_EXPORT const char* VolumeStateName(VolumeState state);

// A volume.
struct Volume {
  std::string id;  // UUID, lower case; never reused
  std::string name;
  std::string tenant;
  VolumeState state = VolumeState::kUnspecified;
  uint32_t size_mib = 0;  // MiB, as its VM sees it and as it counts against the tenant's limit
  std::string
      attached_to;     // "primary", which is this VM, or a secondary's name; empty: no VM has it
  std::string serial;  // the disk's serial in its VM, 20 characters
  std::chrono::system_clock::time_point created_at;  // the host's clock; the epoch: not said
  uint32_t quota_mib = 0;       // MiB that the quota disk gets back when the volume is deleted
  std::string from_quota_disk;  // path of the image that it was; empty: it did not come from there
  std::string made_for;  // name of the secondary that it was made for and goes with; empty: none

  bool operator==(const Volume&) const = default;
};

// Where udev, in the VM that has it, puts a link to its device: "/dev/disk/by-id/virtio-<serial>".
// Empty without a serial. Says nothing about whether it is there. Thread-safe.
FLATVM_EXPORT std::string DevicePath(const Volume& volume);

}  // namespace flatvm
