// A tenant's life: making a libvirt domain its primary, and putting everything back.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/broker/cid_allocator.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/tenant_plan.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/broker/volume_lifecycle.h"

namespace flatvm::broker {

enum class PrimaryRestart { kLeaveRunning, kRestart };

struct CreateTenantOrder {
  std::string name;
  std::string primary;  // libvirt domain name or UUID
  std::string request_id;
  Mode mode = Mode::kExecute;
  Resources limits;
  cgroups::IoLimits io;
  std::vector<uint32_t> cpus;  // rising; empty: all
  Carve carve;
  uint32_t quota_disk_mib = 0;  // of limits.disk_mib; 0: no quota disk
  network::NetworkMode network_mode = network::NetworkMode::kNat;
  std::vector<network::PortForward> forwards;
  network::Ceilings ceilings;
  PrimaryRestart restart = PrimaryRestart::kLeaveRunning;
};

struct CreateTenantResult {
  TenantRecord tenant;
  std::vector<std::string> needs_restart;  // of "vsock", "partition", "nic"
};

enum class Secondaries { kRefuse, kDestroy };
enum class Volumes { kRefuse, kDelete };  // and the quota disk, and own images

struct RemoveTenantOrder {
  std::string name;
  std::string request_id;
  Mode mode = Mode::kExecute;
  Secondaries secondaries = Secondaries::kRefuse;
  Volumes volumes = Volumes::kRefuse;
  PrimaryRestart restart = PrimaryRestart::kLeaveRunning;
};

struct RemoveTenantResult {
  uint32_t destroyed_vms = 0;
  uint32_t deleted_volumes = 0;
  uint32_t deleted_images = 0;
  std::vector<std::string> needs_restart;
};

// Thread-safe; calls block on libvirt, systemd and the disk.
class TenantLifecycle {
 public:
  TenantLifecycle(const Settings& settings, const Ports& ports, Registry& registry,
                  CidAllocator& cids, Carver& carver, network::SubnetPool subnets, VmLifecycle& vms,
                  VolumeLifecycle& volumes, QuotaMoves& quota_moves, ImageLifecycle& images)
      : settings_(settings),
        ports_(ports),
        registry_(registry),
        cids_(cids),
        carver_(carver),
        vms_(vms),
        volumes_(volumes),
        quota_moves_(quota_moves),
        images_(images),
        subnets_(std::move(subnets)) {}

  // Reserves a subnet, a CID and an address, makes slice, network and directory, edits the
  // primary's persistent definition, opens the gate, and restarts the primary if told to. Either
  // all of it is there afterwards or nothing. Errors: INVALID_ARGUMENT; NOT_FOUND /
  // kPrimaryNotDefined; ALREADY_EXISTS / kTenantExists, kPrimaryHasTenant; FAILED_PRECONDITION /
  // kPrimaryTooLarge, kPrimaryNotDefined, kPrimaryKeepsMemory, kCpusTaken, kPortTaken;
  // RESOURCE_EXHAUSTED; UNAVAILABLE; INTERNAL.
  absl::StatusOr<CreateTenantResult> Create(const CreateTenantOrder& order);

  // Undoes Create. If a step fails the tenant stays in kRemoving and a further remove goes on where
  // this one ended; but volumes and the quota disk are taken out of the primary first, while
  // nothing has changed yet. Errors: NOT_FOUND / kTenantNotFound; FAILED_PRECONDITION /
  // kTenantHasSecondaries, kTenantHasVolumes, kPrimaryKeepsDisk; ABORTED / kChangeInFlight;
  // UNAVAILABLE; INTERNAL.
  absl::StatusOr<RemoveTenantResult> Remove(const RemoveTenantOrder& order);

  // Brings slice and directory of a tenant in line with its record, and makes its networks.
  // Idempotent; every part is tried, the first error is returned, but kBridgeUnusable only if there
  // is no other. Nobody may come to the networks or leave them meanwhile. For Create and the
  // reconciler.
  absl::Status EnsureEffects(const TenantRecord& tenant,
                             const std::vector<network::NetworkSpec>& networks);

  // Removes everything but the tenant's place in the registry; `needs_restart` gets what the
  // running primary still has. Idempotent. For Remove and the reconciler.
  absl::Status RemoveEffects(const TenantRecord& tenant, PrimaryRestart restart,
                             std::vector<std::string>* needs_restart);

  // Removes the slice, or leaves it with a log line while a process runs in it. Idempotent.
  absl::Status RemoveSliceUnlessOccupied(const std::string& tenant);

  // Marks a recorded network's subnet as taken. For the reconciler, before any Create.
  absl::Status TakeSubnet(const network::Ipv4Subnet& subnet);

  // Subnet and prefix of a new network of a tenant's, until they are given back. Errors:
  // RESOURCE_EXHAUSTED / kSubnetPoolEmpty.
  absl::Status ReserveSubnet(network::Ipv4Subnet* subnet,
                             std::optional<network::Ipv6Prefix>* prefix);
  void ReleaseSubnet(const network::Ipv4Subnet& subnet);
  // Whether there is one to reserve now. Errors: as ReserveSubnet's.
  absl::Status CheckSubnetLeft();

 private:
  class Creation;

  absl::Status DestroySecondaries(const std::string& tenant, uint32_t* destroyed);
  absl::Status DetachVolumes(const std::string& tenant);
  absl::Status DeleteVolumes(const std::string& tenant, uint32_t* deleted);
  absl::Status DeleteImages(const std::string& tenant, uint32_t* deleted);
  // Marks the tenant as changing and answers with its record, or refuses.
  absl::StatusOr<TenantRecord> BeginRemoval(const RemoveTenantOrder& order);
  void CallOffRemoval(const std::string& tenant, TenantState before);
  void EndRemoval(const TenantRecord& tenant, bool removed);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
  CidAllocator& cids_;
  Carver& carver_;
  VmLifecycle& vms_;
  VolumeLifecycle& volumes_;
  QuotaMoves& quota_moves_;
  ImageLifecycle& images_;
  std::mutex subnets_mutex_;  // guards subnets_
  network::SubnetPool subnets_;
};

}  // namespace flatvm::broker
