// The broker's own settings and the ports it works through.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "cgroups/tenant_cgroups.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/steps.h"
#include "daemon/broker/record_store.h"
#include "daemon/broker/tenant_gate.h"
#include "daemon/hypervisor/hypervisor.h"
#include "daemon/hypervisor/primary_disks.h"
#include "daemon/hypervisor/primary_share.h"
#include "network/tenant_networks.h"
#include "storage/image_returns.h"
#include "storage/quota_disks.h"
#include "storage/tenant_images.h"
#include "storage/tenant_storage.h"
#include "storage/tenant_volumes.h"

namespace flatvm::broker {

struct Settings {
  uint32_t vmm_overhead_mib = 64;
  uint32_t front_overhead_mib = 64;
  std::chrono::milliseconds create_timeout{60'000};
  uint32_t shutdown_timeout_ms = 30'000;
  std::chrono::milliseconds carve_timeout{15'000};   // for a primary to give its memory back
  std::chrono::milliseconds detach_timeout{10'000};  // for a primary's guest to let go of a disk
  // An import is dropped after so long without a byte; 0: never.
  std::chrono::milliseconds import_expiry{86'400'000};
  std::vector<uint32_t> host_cpus;  // those online, rising; empty: not known
};

// Everything the broker works through; all of it outlives the broker.
struct Ports {
  hypervisor::Hypervisor& hypervisor;
  hypervisor::PrimaryShare& primary_share;
  hypervisor::PrimaryDisks& primary_disks;
  cgroups::TenantCgroups& cgroups;
  network::TenantNetworks& networks;
  storage::TenantStorage& storage;
  storage::TenantVolumes& volumes;
  storage::QuotaDisks& quota_disks;
  storage::ImageReturns& image_returns;
  storage::TenantImages& images;
  RecordStore& records;
  TenantGate& gate;
  base::Clock& clock;
  base::Logger& log;
  base::Steps steps{};  // nobody looks on
};

}  // namespace flatvm::broker
