// A whole broker on fakes, with one tenant's primary defined; the state of everything, to compare
// before and after.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "daemon/broker/caller_check.h"
#include "daemon/broker/carver.h"
#include "daemon/broker/cid_allocator.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/further_networks.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/reconciler.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/update_tenant.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/broker/volume_lifecycle.h"
#include "tests/fakes/fake_cgroups.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_gate.h"
#include "tests/fakes/fake_hypervisor.h"
#include "tests/fakes/fake_images.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/fake_network.h"
#include "tests/fakes/fake_primary_disks.h"
#include "tests/fakes/fake_primary_share.h"
#include "tests/fakes/fake_quota_disks.h"
#include "tests/fakes/fake_records.h"
#include "tests/fakes/fake_storage.h"

namespace flatvm::broker {

// What survives flatvmd: the host and the disk.
struct FakeHost {
  std::function<void(base::Step)> on_step;  // who looks on; may be set at any time
  const base::Steps steps{[this](base::Step step) {
    if (on_step) on_step(step);
  }};
  fakes::FakeHypervisor hypervisor;
  fakes::FakePrimaryShare primary_share{hypervisor};
  fakes::FakePrimaryDisks primary_disks{hypervisor};
  fakes::FakeCgroups cgroups;
  fakes::FakeNetworks networks;
  fakes::FakeStorage storage;
  fakes::FakeQuotaDisks quota_disks{storage, steps};
  fakes::FakeImages images;
  fakes::FakeRecords records;
  fakes::FakeGate gate;
  fakes::FakeClock clock;
  fakes::FakeLog log;

  FakeHost();
  // flatvmd is killed, or the power fails: whatever it does from here on has no effect. Then the
  // next one may start.
  void CutOff() { SetCutOff(true); }
  void Revive() { SetCutOff(false); }
  Ports ports() {
    return {hypervisor, primary_share, primary_disks, cgroups,     networks,
            storage,    storage,       quota_disks,   quota_disks, images,
            records,    gate,          clock,         log,         steps};
  }

 private:
  void SetCutOff(bool cut_off);
};

// Everything on the host that a create or destroy may change, comparable.
struct HostState {
  fakes::FakeHypervisor::State hypervisor;
  fakes::FakeCgroups::State cgroups;
  fakes::FakeNetworks::State networks;
  fakes::FakeStorage::State storage;
  fakes::FakeQuotaDisks::State quota_disks;
  fakes::FakeImages::State images;
  std::set<std::string> open_gates;
  std::set<std::string> tenant_records;
  std::map<std::string, VmState> vm_records;
  std::map<std::string, VolumeRecord> volume_records;
  std::map<std::string, ImageRecord> image_records;

  bool operator==(const HostState&) const = default;
};
HostState StateOf(FakeHost& host);

// One run of flatvmd.
struct BrokerWorld {
  explicit BrokerWorld(FakeHost& fake_host);

  absl::StatusOr<CreateTenantResult> AddTenant(const std::string& name,
                                               PrimaryRestart restart = PrimaryRestart::kRestart);
  // As AddTenant, but secondaries are carved out of the primary, which keeps 128 MiB at least.
  absl::StatusOr<CreateTenantResult> AddCarvedTenant(const std::string& name);
  // Isolated.
  absl::StatusOr<NetworkRecord> AddNetwork(const std::string& tenant, const std::string& name,
                                           const std::string& request_id = "");
  absl::StatusOr<VmRecord> Create(const std::string& tenant, const VmSpec& spec,
                                  const std::string& request_id = "");
  absl::StatusOr<VmRecord> Destroy(const std::string& tenant, const std::string& vm,
                                   const std::string& request_id = "");
  // Without a source if `clone_of` is empty.
  absl::StatusOr<VolumeView> CreateVolume(const std::string& tenant, const std::string& name,
                                          uint32_t size_mib, const std::string& clone_of = "",
                                          const std::string& request_id = "");
  absl::StatusOr<VolumeView> Attach(const std::string& tenant, const std::string& volume);
  absl::StatusOr<VolumeView> Detach(const std::string& tenant, const std::string& volume);
  Resources Used(const std::string& tenant);

  FakeHost& host;
  Settings settings;
  Ports ports;
  Registry registry;
  CidAllocator cids;
  Carver carver;
  QuotaMoves quota_moves;
  VolumeLifecycle volumes;
  VmLifecycle vms;
  ImageLifecycle images;
  TenantLifecycle tenants;
  TenantUpdates updates;
  FurtherNetworks networks;
  Directory directory;
  CallerCheck callers;
  Reconciler reconciler;
};

// 192 MiB, 1 vCPU, image "tiny" (which has a kernel and a 16 MiB disk).
VmSpec WebSpec(const std::string& name = "web");

}  // namespace flatvm::broker
