// What flatvm remembers of a tenant, a secondary, a volume and an image: plain data. How it is
// written to disk is daemon/state's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cgroups/tenant_cgroups.h"
#include "daemon/base/types.h"
#include "daemon/broker/storage_records.h"  // IWYU pragma: export
#include "daemon/hypervisor/hypervisor.h"
#include "network/ipv4.h"
#include "network/tenant_networks.h"

namespace flatvm::broker {

// What a tenant's primary is called on its network; no secondary may have this name.
inline constexpr const char* kPrimaryHostname = network::kPrimaryHostname;

// An amount of everything that is limited; limits, uses and what is left.
struct Resources {
  uint32_t memory_mib = 0;
  uint32_t vcpus = 0;
  uint32_t vms = 0;
  uint32_t disk_mib = 0;

  bool operator==(const Resources&) const = default;
};

// Where secondaries' memory and CPU time come from: from what the primary leaves of the limits, or
// from the primary itself, which gets both back when they are destroyed.
enum class CarveMode { kReserved, kBalloon };

struct Carve {
  CarveMode mode = CarveMode::kReserved;
  uint32_t primary_min_memory_mib = 0;  // what a primary keeps in kBalloon; else 0

  bool operator==(const Carve&) const = default;
};

enum class VmState { kCreating, kRunning, kStopped, kDestroying };

// What the caller asked for; `disk_mib` is 0 until admission put the image's own size in.
struct VmSpec {
  std::string name;
  std::string image;
  uint32_t memory_mib = 0;
  uint32_t vcpus = 0;
  uint32_t disk_mib = 0;
  std::string volume;                     // name of the one it boots from; empty: from its image
  std::vector<std::string> data_volumes;  // names
  // Of an image on the quota disk that becomes `volume`, made for it; empty: none.
  std::string quota_path;
  std::vector<std::string> networks;  // names, beside the first that all are on; a NIC each

  bool operator==(const VmSpec&) const = default;
};

struct StageDuration {
  std::string stage;
  uint32_t duration_us = 0;

  bool operator==(const StageDuration&) const = default;
};

// A secondary's NIC beside its first.
struct NicRecord {
  std::string network;  // name, among its tenant's
  std::string mac;
  network::Ipv4Address address;                      // 0: its network is of kBridge
  std::optional<network::Ipv6Address> ipv6_address;  // nullopt: its network has no prefix

  bool operator==(const NicRecord&) const = default;
};

struct VmRecord {
  std::string id;  // UUID
  std::string tenant;
  VmState state = VmState::kCreating;
  VmSpec asked;          // as the caller sent it: what a repeated request is compared with
  VmSpec spec;           // as it was granted
  std::string image_id;  // of the tenant's own image that its disk stands on; empty: the catalog's
  network::Ipv4Address address;  // on its tenant's first network, as the next two
  std::optional<network::Ipv6Address> ipv6_address;  // nullopt: its tenant has no prefix
  std::string mac;
  std::vector<NicRecord> nics;  // beside that, in the order of `spec.networks`
  base::VsockCid cid;
  std::chrono::system_clock::time_point created_at;
  std::vector<StageDuration> stages;
  std::string request_id;  // of its create; may be empty
  // Id of the volume that was made for it and goes with it; from its commit on. Empty: none.
  std::string own_volume;
  bool return_disk = false;  // in kDestroying: own_volume's image goes back onto the quota disk

  bool operator==(const VmRecord&) const = default;
};

// A network of a tenant's beside its first.
struct NetworkRecord {
  std::string name;  // unique among the tenant's; not network::kFirstNetwork
  network::NetworkMode mode = network::NetworkMode::kIsolated;  // or kNat, or kBridge
  network::Ipv4Subnet subnet;                                   // of kBridge none
  std::optional<network::Ipv6Prefix> prefix;                    // nullopt: link-local IPv6 only
  std::string request_id;                                       // of its add; may be empty
  std::string bridge;  // of kBridge: an interface of the host's
  uint32_t vlan = 0;   // of kBridge: 1..4094; 0: none is set

  bool operator==(const NetworkRecord&) const = default;
};

enum class TenantState { kCreating, kReady, kRemoving };

struct TenantRecord {
  std::string name;
  TenantState state = TenantState::kCreating;
  Resources limits;
  cgroups::IoLimits io;
  std::vector<uint32_t> cpus;  // rising; empty: all
  Carve carve;
  uint32_t quota_disk_mib = 0;  // with no image taken out of it; 0: it has none
  std::string primary_uuid;
  std::string primary_domain;       // name at creation, for people
  uint32_t primary_memory_mib = 0;  // maximum of its definition at creation
  uint32_t primary_vcpus = 0;
  std::string
      primary_boot_id;  // of the instance that may speak for the tenant; empty: none seen yet
  base::VsockCid cid;
  std::string mac;
  network::Ipv4Address address;               // of the primary
  network::Ipv4Subnet subnet;                 // of its first network, as the next three
  std::optional<network::Ipv6Prefix> prefix;  // nullopt: its machines have link-local IPv6 only
  network::NetworkMode network_mode = network::NetworkMode::kNat;
  std::vector<network::PortForward> forwards;
  network::Ceilings ceilings;
  std::vector<NetworkRecord> networks;  // beside its first, in the order in which they were added
  hypervisor::PrimaryUndo undo;
  std::chrono::system_clock::time_point created_at;
  std::string request_id;
};

}  // namespace flatvm::broker
