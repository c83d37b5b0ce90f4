// What flatvmd has its effects with: the implementations of the broker's ports.
#pragma once

#include <optional>

#include "cgroups/systemd_cgroups.h"
#include "daemon/app/stop_at.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/broker/settings.h"
#include "daemon/config/config.h"
#include "daemon/hypervisor/libvirt_hypervisor.h"
#include "daemon/hypervisor/libvirt_primary_disks.h"
#include "daemon/hypervisor/libvirt_primary_share.h"
#include "daemon/imports/systemd_import_worker.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/event_loop.h"
#include "daemon/quota/systemd_quota_worker.h"
#include "daemon/state/file_records.h"
#include "network/bridged_networks.h"
#include "network/dnsmasq/dnsmasq_servers.h"
#include "network/dnsmasq/systemd_programs.h"
#include "network/kernel_network.h"
#include "network/libvirt_networks.h"
#include "storage/file_storage.h"
#include "storage/own_image_files.h"
#include "storage/quota_files.h"
#include "storage/return_files.h"
#include "storage/volume_files.h"

namespace flatvm::app {

// Members stand on those before them. Each is as its own header says, also about threads.
struct Host {
  // Touches nothing yet. `log` outlives this.
  Host(const config::Config& config, const std::optional<network::Ipv6Pool>& ipv6_pool,
       const StopAt& stop_at, base::Logger& log);
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // All of it as the broker sees it, with what is not here. What it refers to outlives it.
  broker::Ports PortsWith(broker::TenantGate& gate, base::Logger& log, const base::Steps& steps);

  base::RealClock clock;
  libvirt::EventLoop event_loop;
  libvirt::Connection connection;
  hypervisor::LibvirtHypervisor hypervisor;
  hypervisor::LibvirtPrimaryShare primary_share;
  hypervisor::LibvirtPrimaryDisks primary_disks;
  network::KernelNetwork kernel_network;
  network::SystemdPrograms server_programs;
  network::DnsmasqServers servers;
  network::LibvirtNetworks libvirt_networks;
  network::BridgedNetworks networks;
  cgroups::SystemdCgroups cgroups;
  storage::FileStorage storage;
  storage::VolumeFiles volumes;
  quota::SystemdQuotaWorker quota_worker;
  storage::QuotaFiles quota_disks;
  storage::ReturnFiles image_returns;
  imports::SystemdImportWorker import_worker;
  storage::OwnImageFiles images;
  state::FileRecords records;
};

}  // namespace flatvm::app
