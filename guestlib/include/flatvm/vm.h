// Secondaries as plain data.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "flatvm/export.h"

namespace flatvm {

// What a new secondary is to be. The host checks it; nothing is checked here. Every member has an
// initializer, so that naming some of them draws no warning.
struct VmSpec {
  std::string name{};       // [a-z0-9-]{1,40}, first and last not '-', not "primary"; unique
  std::string image{};      // a catalog image's name; empty: it boots from `volume`
  uint32_t memory_mib = 0;  // MiB, 32..4194304
  uint32_t vcpus = 0;       // 1..512
  uint32_t disk_mib = 0;    // MiB, virtual size; 0: the image's own, or no image
  std::string volume{};     // instead of an image: the name or id of a volume that no VM has
  // Names or ids of up to 8 volumes that no VM has: further disks, in this order.
  std::vector<std::string> data_volumes{};
  // Instead of both: path of a raw image on the quota disk, from its root, such as
  // "images/web.raw". It becomes a volume of the VM's name, which goes when the VM does.
  std::string from_quota_disk{};
  // Names of up to 3 of the tenant's networks beside its first, none twice: a NIC on each, in this
  // order, behind the one that all have.
  std::vector<std::string> networks{};

  bool operator==(const VmSpec&) const = default;
};

enum class VmState : int {
  kUnspecified = 0,
  kCreating = 1,
  kRunning = 2,
  kStopped = 3,  // its guest powered off or died; what it holds is held until it is destroyed
  kDestroying = 4,
};

// "running" and its like; "unknown" for one that this version does not know. Thread-safe.
FLATVM_EXPORT const char* VmStateName(VmState state);

// How long one stage of a create took.
struct StageDuration {
  // "admit", "carve" in mode balloon, "address", "move" of an image on the quota disk, "disk",
  // "domain", "commit"
  std::string stage;
  std::chrono::microseconds duration{0};

  bool operator==(const StageDuration&) const = default;
};

// A secondary's NIC.
struct Nic {
  std::string network;       // name; "default" is the tenant's first
  std::string mac;           // "52:54:00:xx:xx:xx"
  std::string address;       // IPv4 dotted quad; fixed before it boots; empty: others give it
  std::string ipv6_address;  // as Vm's

  bool operator==(const Nic&) const = default;
};

// A secondary.
struct Vm {
  std::string id;  // UUID, lower case; never reused
  std::string name;
  std::string tenant;
  VmState state = VmState::kUnspecified;
  std::string image;        // empty: it boots from `volume`
  uint32_t memory_mib = 0;  // MiB, guest memory without the VMM's overhead
  uint32_t vcpus = 0;
  uint32_t disk_mib = 0;                             // MiB, virtual size; 0: no disk
  std::string address;                               // IPv4 dotted quad; fixed before it boots
  std::string mac;                                   // "52:54:00:xx:xx:xx"
  uint32_t cid = 0;                                  // vsock CID, 3..4294967294
  std::chrono::system_clock::time_point created_at;  // the host's clock; the epoch: not said
  std::vector<StageDuration> stages;                 // of its create
  std::string volume;                     // name of the volume it boots from; empty: from its image
  std::vector<std::string> data_volumes;  // names of its further disks
  std::string from_quota_disk;  // path of the image that `volume` was made of, for it; empty: none
  std::string image_id;         // of the tenant's own image; empty: `image` is the catalog's
  // Fixed before it boots, if its guest makes it of the MAC; empty: the tenant has no IPv6.
  std::string ipv6_address;
  std::vector<Nic> nics;  // all of them, the one that is above first; none: the host is older

  bool operator==(const Vm&) const = default;
};

}  // namespace flatvm
