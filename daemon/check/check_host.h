// What a host has and lacks for flatvm, item by item, whether flatvmd runs or not. Judges; the port
// host.h looks. Not what flatvmd refuses to start without: daemon/app/requirements.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/check/host.h"
#include "daemon/check/host_item.h"
#include "daemon/config/config.h"

namespace flatvm::check {

struct DiskBudget {
  std::string tenant;
  uint32_t disk_mib = 0;  // its limit
};

// A tenant's network that is on a bridge of the operator's.
struct BridgedNetwork {
  std::string tenant;
  std::string network;
  std::string bridge;
  uint32_t vlan = 0;  // 0: none
};

// What flatvmd says; nobody else knows its tenants.
struct DaemonAnswer {
  absl::Status status;  // why it says nothing
  std::vector<DiskBudget> budgets;
  std::vector<BridgedNetwork> bridged;
};

// In an order in which an operator would mend them: the machine, programs, disks, tenants' safety,
// flatvmd. Blocks for as long as libvirt and the disk take.
HostItems CheckHost(Host& host, const config::Config& config, const DaemonAnswer& answer);

// The parts. An item of each name, always.

// kvm, vhost-vsock, cgroups.
HostItems CheckKernel(Host& host);
// ksm, swap.
HostItems CheckMemory(Host& host);
// systemd, libvirt, qemu, programs, e2fsprogs.
HostItems CheckPrograms(Host& host, const config::Config& config);
// filesystem, disk.
HostItems CheckStorage(Host& host, const config::Config& config, const DaemonAnswer& answer);
// bridge, dnsmasq, uplink, networks, guard.
HostItems CheckNetwork(Host& host, const config::Config& config, const DaemonAnswer& answer);
// nftables.
HostItems CheckFilter(Host& host, const DaemonAnswer& answer);

}  // namespace flatvm::check
