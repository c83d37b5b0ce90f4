// What a tenant's network stands on, in memory: below the real LibvirtNetworks and DnsmasqServers.
#pragma once

#include <string>

#include "daemon/libvirt/connection.h"
#include "network/dnsmasq/dnsmasq_servers.h"
#include "network/libvirt_networks.h"
#include "tests/fakes/fake_host_network.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/fake_server_programs.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::fakes {

// libvirt's own in-memory driver, a host and programs that are fakes, files in a folder that goes.
struct NetworkWorld {
  TempDir dir;
  FakeLog log;
  FakeHostNetwork host;
  FakeServerPrograms programs;
  libvirt::Connection connection{"test:///default"};
  network::DnsmasqServers servers{
      {.folder = dir.path() + "/dnsmasq", .resolvers = dir.path() + "/resolv.conf"}, programs, log};
  network::LibvirtNetworks networks{connection, host, servers, log};
};

}  // namespace flatvm::fakes
