// LibvirtNetworks on a live libvirtd, dnsmasq and kernel of a test's own, and machines that ask for
// their addresses.
#pragma once

#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/handles.h"
#include "network/dnsmasq/dnsmasq_servers.h"
#include "network/kernel_network.h"
#include "network/libvirt_networks.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/temp_dir.h"
#include "tests/integration/child_programs.h"
#include "tests/integration/net_namespace.h"
#include "tests/integration/private_libvirtd.h"

namespace flatvm::integration {

inline constexpr char kBusybox[] = "/bin/busybox";

class LibvirtNetworksFixture : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(kBusybox, X_OK) != 0) GTEST_SKIP() << "needs busybox, which plays the machines";
  }

  // The uplink that "auto" is to find.
  static void MakeUplink() {
    RunOrFail({"/usr/sbin/ip", "link", "set", "lo", "up"});
    RunOrFail({"/usr/sbin/ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1"});
    RunOrFail({"/usr/sbin/ip", "addr", "add", "192.0.2.1/24", "dev", "up0"});
    RunOrFail({"/usr/sbin/ip", "link", "set", "up0", "up"});
    RunOrFail({"/usr/sbin/ip", "link", "set", "up1", "up"});
    RunOrFail({"/usr/sbin/ip", "route", "add", "default", "via", "192.0.2.254"});
  }

  std::unique_ptr<NetNamespace> Attach(const std::string& tap, const std::string& mac) {
    return AttachTo(acme_, tap, mac);
  }

  std::unique_ptr<NetNamespace> AttachTo(const network::NetworkSpec& spec, const std::string& tap,
                                         const std::string& mac) {
    std::unique_ptr<NetNamespace> machine = NetNamespace::Make();
    RunOrFail({"/usr/sbin/ip", "link", "add", tap, "type", "veth", "peer", "name", "eth0", "netns",
               machine->Path()});
    const std::string bridge = network::BridgeName(spec.subnet);
    // As libvirt has the host's end.
    RunOrFail({"/usr/sbin/ip", "link", "set", tap, "address", "fe" + mac.substr(2)});
    RunOrFail({"/usr/sbin/ip", "link", "set", tap, "master", bridge, "up"});
    EXPECT_EQ(host_.GuardPorts({::if_nametoindex(bridge.c_str())}), absl::OkStatus());
    machine->Ip("link set eth0 address " + mac + " up");
    return machine;
  }

  // What the machine is told beside its address.
  static std::string AskForOptions(const NetNamespace& machine) {
    const fakes::TempDir dir;
    const std::string script = dir.path() + "/said";
    std::ofstream(script) << "#!/bin/sh\necho \"$1: router=$router dns=$dns\"\n";
    EXPECT_EQ(::chmod(script.c_str(), 0700), 0);
    std::string said;
    machine.Run([&] {
      said = RunOrFail({kBusybox, "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "20", "-T", "1",
                        "-s", script});
    });
    return said;
  }

  // What the machine's DHCP client says when it gives up soon.
  static std::string AskInVain(const NetNamespace& machine) {
    std::string said;
    machine.Run([&said] {
      said = RunOrFail(
          {"/bin/sh", "-c", "busybox udhcpc -i eth0 -n -q -f -t 2 -T 1 -s /bin/true || true"});
    });
    return said;
  }

  // What the machine's DHCP client says.
  static std::string AskForAddress(const NetNamespace& machine) {
    std::string said;
    machine.Run([&said] {
      said = RunOrFail({kBusybox, "udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "20", "-T", "1",
                        "-s", "/bin/true"});
    });
    return said;
  }

  libvirt::NetworkPtr Handle() {
    return libvirt::NetworkPtr(virNetworkLookupByName(connection_.Get()->get(), "flatvm-acme"));
  }
  std::string Xml() {
    const libvirt::NetworkPtr network = Handle();
    const libvirt::TextPtr xml(virNetworkGetXMLDesc(network.get(), 0));
    return xml == nullptr ? "" : xml.get();
  }

  const network::Lease primary_{
      .hostname = "primary", .mac = "52:54:00:d5:04:02", .address = {0x0AD50402U}};
  // dnsmasq must not take this for its keyword.
  const network::Lease ignore_{
      .hostname = "ignore", .mac = "52:54:00:d5:04:03", .address = {0x0AD50403U}};
  const network::NetworkSpec acme_{.tenant = "acme",
                                   .subnet = *network::ParseIpv4Subnet("test", "10.213.4.0/24"),
                                   .leases = {primary_}};
  fakes::FakeLog log_;
  libvirt::Connection connection_{PrivateLibvirtd::kUri};
  network::KernelNetwork host_{
      {.pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"), .counts_path = "/no/bpf/counts"},
      log_};
  ChildPrograms programs_;
  network::DnsmasqServers servers_{{}, programs_, log_};
  network::LibvirtNetworks networks_{connection_, host_, servers_, log_};
};

}  // namespace flatvm::integration
