// The broker's own settings and the ports it works through.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "cgroups/tenant_cgroups.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/broker/record_store.h"
#include "daemon/broker/tenant_gate.h"
#include "daemon/hypervisor/hypervisor.h"
#include "daemon/hypervisor/primary_share.h"
#include "network/tenant_networks.h"
#include "storage/tenant_storage.h"

namespace flatvm::broker {

struct Settings {
  uint32_t vmm_overhead_mib = 64;
  uint32_t front_overhead_mib = 64;
  std::chrono::milliseconds create_timeout{60'000};
  uint32_t shutdown_timeout_ms = 30'000;
  std::chrono::milliseconds carve_timeout{15'000};  // for a primary to give its memory back
  std::vector<uint32_t> host_cpus;                  // those online, rising; empty: not known
};

// Everything the broker works through; all of it outlives the broker.
struct Ports {
  hypervisor::Hypervisor& hypervisor;
  hypervisor::PrimaryShare& primary_share;
  cgroups::TenantCgroups& cgroups;
  network::TenantNetworks& networks;
  storage::TenantStorage& storage;
  RecordStore& records;
  TenantGate& gate;
  base::Clock& clock;
  base::Logger& log;
};

}  // namespace flatvm::broker
