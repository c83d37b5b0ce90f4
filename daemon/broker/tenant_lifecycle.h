// A tenant's life: making a libvirt domain its primary, and putting everything back.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/broker/cid_allocator.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/vm_lifecycle.h"

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
  PrimaryRestart restart = PrimaryRestart::kLeaveRunning;
};

struct CreateTenantResult {
  TenantRecord tenant;
  std::vector<std::string> needs_restart;  // of "vsock", "partition", "nic"
};

enum class Secondaries { kRefuse, kDestroy };

struct RemoveTenantOrder {
  std::string name;
  std::string request_id;
  Mode mode = Mode::kExecute;
  Secondaries secondaries = Secondaries::kRefuse;
  PrimaryRestart restart = PrimaryRestart::kLeaveRunning;
};

struct RemoveTenantResult {
  uint32_t destroyed_vms = 0;
  std::vector<std::string> needs_restart;
};

// What the running instance of a primary lacks of what its tenant gives it; empty if it does not
// run.
std::vector<std::string> LacksOf(const hypervisor::PrimaryInfo& primary,
                                 const hypervisor::PrimaryAttachment& attachment);

hypervisor::PrimaryAttachment AttachmentOf(const TenantRecord& tenant);

// OK unless another tenant that has a list of CPUs shares one with `cpus`. Errors:
// FAILED_PRECONDITION / kCpusTaken.
absl::Status CheckCpusFree(const RegistryState& state, const std::string& tenant,
                           const std::vector<uint32_t>& cpus);

// OK unless `carve` asks for what this primary cannot do. Errors: FAILED_PRECONDITION /
// kPrimaryKeepsMemory.
absl::Status CheckCarvable(const hypervisor::PrimaryInfo& primary, const Carve& carve);

// What the kernel is to enforce for a tenant. memory.high lies a little below memory.max, so that a
// tenant that fills up is slowed before it is killed.
cgroups::SliceLimits SliceLimitsOf(const TenantRecord& tenant);

// Thread-safe; calls block on libvirt, systemd and the disk.
class TenantLifecycle {
 public:
  TenantLifecycle(const Settings& settings, const Ports& ports, Registry& registry,
                  CidAllocator& cids, Carver& carver, network::SubnetPool subnets, VmLifecycle& vms)
      : settings_(settings),
        ports_(ports),
        registry_(registry),
        cids_(cids),
        carver_(carver),
        vms_(vms),
        subnets_(std::move(subnets)) {}

  // Reserves a subnet, a CID and an address, makes slice, network and directory, edits the
  // primary's persistent definition, opens the gate, and restarts the primary if told to. Either
  // all of it is there afterwards or nothing. Errors: INVALID_ARGUMENT; NOT_FOUND /
  // kPrimaryNotDefined; ALREADY_EXISTS / kTenantExists, kPrimaryHasTenant; FAILED_PRECONDITION /
  // kPrimaryTooLarge, kPrimaryNotDefined, kPrimaryKeepsMemory, kCpusTaken; RESOURCE_EXHAUSTED;
  // UNAVAILABLE; INTERNAL.
  absl::StatusOr<CreateTenantResult> Create(const CreateTenantOrder& order);

  // Undoes Create. If a step fails the tenant stays in kRemoving and a further remove goes on where
  // this one ended. Errors: NOT_FOUND / kTenantNotFound; FAILED_PRECONDITION /
  // kTenantHasSecondaries; ABORTED / kChangeInFlight; UNAVAILABLE; INTERNAL.
  absl::StatusOr<RemoveTenantResult> Remove(const RemoveTenantOrder& order);

  // Brings slice, network, directory and gate of a tenant in line with its record. Idempotent. For
  // the reconciler.
  absl::Status EnsureEffects(const TenantRecord& tenant, const std::vector<network::Lease>& leases);

  // Removes everything but the tenant's place in the registry; `needs_restart` gets what the
  // running primary still has. Idempotent. For Remove and the reconciler.
  absl::Status RemoveEffects(const TenantRecord& tenant, PrimaryRestart restart,
                             std::vector<std::string>* needs_restart);

  // Removes the slice, or leaves it with a log line while a process runs in it. Idempotent.
  absl::Status RemoveSliceUnlessOccupied(const std::string& tenant);

  // Marks a recorded tenant's subnet as taken. For the reconciler, before any Create.
  absl::Status TakeSubnet(const network::Ipv4Subnet& subnet);

 private:
  class Creation;

  absl::Status DestroySecondaries(const std::string& tenant, uint32_t* destroyed);
  // Marks the tenant as changing and answers with its record, or refuses.
  absl::StatusOr<TenantRecord> BeginRemoval(const RemoveTenantOrder& order);
  void EndRemoval(const TenantRecord& tenant, bool removed);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
  CidAllocator& cids_;
  Carver& carver_;
  VmLifecycle& vms_;
  std::mutex subnets_mutex_;  // guards subnets_
  network::SubnetPool subnets_;
};

}  // namespace flatvm::broker
