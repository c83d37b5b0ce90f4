#include "daemon/app/host.h"

namespace flatvm::app {
namespace {

// UnmetRequirements has seen that the pool parses.
network::Ipv4Subnet PoolOf(const config::Config& config) {
  return network::ParseIpv4Subnet("network.subnet_pool", config.subnet_pool)
      .value_or(network::Ipv4Subnet{});
}

}  // namespace

Host::Host(const config::Config& config, const std::optional<network::Ipv6Pool>& ipv6_pool,
           const StopAt& stop_at, base::Logger& log)
    : connection(config.libvirt_uri, &log),
      hypervisor(connection, log),
      primary_share(connection),
      primary_disks(connection, log, clock),
      kernel_network({.uplink = config.uplink, .pool = PoolOf(config), .pool6 = ipv6_pool}, log),
      server_programs({}),
      servers({}, server_programs, log),
      libvirt_networks(connection, kernel_network, servers, log),
      networks(libvirt_networks, kernel_network.bridges()),
      cgroups(cgroups::SystemdCgroupsSettings{.storage_dir = config.state_dir}),
      storage(storage::FileStorageSettings{.state_dir = config.state_dir,
                                           .catalog_dir = config.catalog_dir,
                                           .qemu_img_program = config.qemu_img_program}),
      volumes(config.state_dir + "/tenants"),
      quota_worker({.program = config.quota_program, .stop_at = stop_at.quota_worker}, log),
      quota_disks(config.state_dir + "/tenants", quota_worker, stop_at.steps),
      image_returns(config.state_dir + "/tenants", quota_worker, stop_at.steps),
      import_worker({.program = config.import_program}),
      images(config.state_dir + "/tenants", import_worker),
      records(config.state_dir) {}

broker::Ports Host::PortsWith(broker::TenantGate& gate, base::Logger& log,
                              const base::Steps& steps) {
  return {hypervisor, primary_share, primary_disks, cgroups,       networks,
          storage,    volumes,       quota_disks,   image_returns, images,
          records,    gate,          clock,         log,           steps};
}

}  // namespace flatvm::app
