// LibvirtNetworks on a live libvirtd, dnsmasq and kernel, with machines that ask for their
// addresses.
#include "network/libvirt_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "daemon/base/log.h"
#include "daemon/base/str_cat.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/handles.h"
#include "network/kernel_network.h"
#include "network/network_xml.h"
#include "tests/fakes/fake_log.h"
#include "tests/fakes/temp_dir.h"
#include "tests/integration/net_namespace.h"
#include "tests/integration/private_libvirtd.h"

namespace flatvm::integration {
namespace {

using network::Lease;
using network::NetworkSpec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kBusybox[] = "/bin/busybox";

class LibvirtNetworksTest : public ::testing::Test {
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
    std::unique_ptr<NetNamespace> machine = NetNamespace::Make();
    RunOrFail({"/usr/sbin/ip", "link", "add", tap, "type", "veth", "peer", "name", "eth0", "netns",
               machine->Path()});
    const std::string bridge = network::BridgeName(acme_.subnet);
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
  int GivenOutLeases() {
    const libvirt::NetworkPtr network = Handle();
    virNetworkDHCPLeasePtr* leases = nullptr;
    const int count = virNetworkGetDHCPLeases(network.get(), nullptr, &leases, 0);
    for (int i = 0; i < count; ++i) virNetworkDHCPLeaseFree(leases[i]);
    std::free(leases);
    return count;
  }
  // libvirt's list follows dnsmasq by some milliseconds.
  bool GetsGivenOut(int count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (GivenOutLeases() != count) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }
  std::string Xml() {
    const libvirt::NetworkPtr network = Handle();
    const libvirt::TextPtr xml(virNetworkGetXMLDesc(network.get(), 0));
    return xml == nullptr ? "" : xml.get();
  }

  const Lease primary_{.hostname = "primary", .mac = "52:54:00:d5:04:02", .address = {0x0AD50402U}};
  // dnsmasq must not take this for its keyword.
  const Lease ignore_{.hostname = "ignore", .mac = "52:54:00:d5:04:03", .address = {0x0AD50403U}};
  const NetworkSpec acme_{.tenant = "acme",
                          .subnet = *network::ParseIpv4Subnet("test", "10.213.4.0/24"),
                          .leases = {primary_}};
  fakes::FakeLog log_;
  libvirt::Connection connection_{PrivateLibvirtd::kUri};
  network::KernelNetwork host_{
      {.pool = *network::ParseIpv4Subnet("test", "10.213.0.0/16"), .counts_path = "/no/bpf/counts"},
      log_};
  network::LibvirtNetworks networks_{connection_, host_, log_};
};

TEST_F(LibvirtNetworksTest, GivesMachinesTheirAddressesAndNamesAndTakesThemBack) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease("acme", ignore_), absl::OkStatus());
    const auto primary = Attach("primary", primary_.mac);
    const auto secondary = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForAddress(*primary), HasSubstr("lease of 10.213.4.2 obtained"));
    EXPECT_THAT(AskForAddress(*secondary), HasSubstr("lease of 10.213.4.3 obtained"));
    EXPECT_TRUE(GetsGivenOut(2));
    primary->Ip("addr add 10.213.4.2/24 dev eth0");
    primary->Run([] {
      EXPECT_THAT(RunOrFail({kBusybox, "nslookup", "ignore.acme.internal", "10.213.4.1"}),
                  HasSubstr("10.213.4.3"));
    });

    EXPECT_EQ(networks_.RemoveLease("acme", ignore_), absl::OkStatus());
    EXPECT_THAT(Xml(), Not(HasSubstr(ignore_.mac)));
    EXPECT_EQ(GivenOutLeases(), 1);
    EXPECT_EQ(networks_.RemoveLease("acme", primary_), absl::OkStatus());
    EXPECT_EQ(GivenOutLeases(), 0) << "the last entry, with which libvirt ends DHCP";
    ASSERT_EQ(log_.Lines().size(), 1U) << log_.Lines().back().message;
    EXPECT_THAT(log_.Lines()[0].message,
                ::testing::MatchesRegex("made network flatvm-acme: filter [0-9]+ us, libvirt "
                                        "[0-9]+ us, guard [0-9]+ us"));
  });
}

TEST_F(LibvirtNetworksTest, GivesStrangersNothing) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const auto known = Attach("known", primary_.mac);
    EXPECT_THAT(AskForAddress(*known), HasSubstr("obtained"));
    const auto stranger = Attach("stranger", "52:54:00:99:99:99");
    stranger->Run([] {
      const std::string said = RunOrFail(
          {"/bin/sh", "-c", "busybox udhcpc -i eth0 -n -q -f -t 2 -T 1 -s /bin/true || true"});
      EXPECT_THAT(said, HasSubstr("no lease"));
    });
    EXPECT_TRUE(GetsGivenOut(1));
  });
}

TEST_F(LibvirtNetworksTest, FindsTheUplinkAndRemovesEverythingWithTheNetwork) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    EXPECT_THAT(*networks_.ListTenants(), ElementsAre("acme"));
    const std::string filter = RunOrFail({"/usr/sbin/nft", "list", "table", "inet", "flatvm"});
    EXPECT_THAT(filter, HasSubstr("elements = { \"up0\" }"));
    EXPECT_THAT(filter, HasSubstr("\"fv-0ad50400\" . 10.213.4.0/24"));
    EXPECT_THAT(RunOrFail({"/bin/cat", "/proc/thread-self/net/udp"}), HasSubstr(":0043 "));
    EXPECT_THAT(RunOrFail({"/bin/cat", "/proc/sys/net/ipv4/ip_forward"}), HasSubstr("1"));
    ASSERT_EQ(networks_.RemoveNetwork("acme", acme_.subnet), absl::OkStatus());
    EXPECT_THAT(*networks_.ListTenants(), IsEmpty());
    EXPECT_EQ(::if_nametoindex("fv-0ad50400"), 0U);
    EXPECT_THAT(RunOrFail({"/bin/cat", "/proc/thread-self/net/udp"}), Not(HasSubstr(":0043 ")))
        << "somebody still serves DHCP";
    EXPECT_THAT(RunOrFail({"/usr/sbin/nft", "list", "table", "inet", "flatvm"}),
                Not(HasSubstr("fv-0ad50400")));
    EXPECT_THAT(RunOrFail({"/bin/ls", "/var/lib/libvirt/dnsmasq"}), Not(HasSubstr("acme")));
  });
}

TEST_F(LibvirtNetworksTest, DoesNotDisturbAttachedMachinesWhenEnsuredAgain) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const auto machine = Attach("primary", primary_.mac);
    EXPECT_THAT(AskForAddress(*machine), HasSubstr("obtained"));
    NetworkSpec grown = acme_;
    grown.leases.push_back(ignore_);
    ASSERT_TRUE(GetsGivenOut(1));
    ASSERT_EQ(networks_.EnsureNetwork(grown), absl::OkStatus());
    EXPECT_EQ(*host_.GetBridgeState("fv-0ad50400"), network::BridgeState::kInUse);
    EXPECT_EQ(GivenOutLeases(), 1);
    NetworkSpec moved = acme_;
    moved.subnet = *network::ParseIpv4Subnet("test", "10.213.9.0/24");
    moved.leases.clear();
    EXPECT_EQ(networks_.EnsureNetwork(moved).code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(*host_.GetBridgeState("fv-0ad50400"), network::BridgeState::kInUse);
  });
}

TEST_F(LibvirtNetworksTest, MakesANetworkAnewWhoseBridgeWasDeleted) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    EXPECT_EQ(*host_.GetBridgeState("fv-0ad50400"), network::BridgeState::kFree);
    RunOrFail({"/usr/sbin/ip", "link", "delete", "fv-0ad50400"});
    EXPECT_EQ(*host_.GetBridgeState("fv-0ad50400"), network::BridgeState::kAbsent);
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const auto machine = Attach("primary", primary_.mac);
    EXPECT_THAT(AskForAddress(*machine), HasSubstr("obtained"));
  });
}

TEST_F(LibvirtNetworksTest, GivesANetworkTheUplinksMtu) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    RunOrFail({"/usr/sbin/ip", "link", "set", "up0", "mtu", "1400"});
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    EXPECT_THAT(RunOrFail({"/usr/sbin/ip", "link", "show", "fv-0ad50400"}), HasSubstr("mtu 1400"));
    RunOrFail({"/usr/sbin/ip", "link", "set", "up0", "mtu", "1300"});
    EXPECT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus()) << "it stays as it was made";
  });
}

TEST_F(LibvirtNetworksTest, TellsIsolatedMachinesOfNoRouterAndAsksNobodyForThem) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.mode = network::NetworkMode::kIsolated;
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease("acme", ignore_), absl::OkStatus()) << "the options are kept";
    const auto machine = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForOptions(*machine), HasSubstr("bound: router= dns=10.213.4.1\n"));
    machine->Ip("addr add 10.213.4.3/24 dev eth0");
    machine->Run([] {
      EXPECT_THAT(RunOrFail({kBusybox, "nslookup", "ignore.acme.internal", "10.213.4.1"}),
                  HasSubstr("10.213.4.3"));
      const std::string said = RunOrFail(
          {"/bin/sh", "-c", "busybox nslookup elsewhere.example 10.213.4.1 2>&1 || true"});
      EXPECT_THAT(said, HasSubstr("REFUSED"));
    });
    EXPECT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus()) << "it is as described";
  });
}

TEST_F(LibvirtNetworksTest, TellsMachinesThatTheirPrimaryIsTheRouter) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.mode = network::NetworkMode::kViaPrimary;
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease("acme", ignore_), absl::OkStatus());
    const auto primary = Attach("primary", primary_.mac);
    const auto secondary = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForOptions(*primary), HasSubstr("bound: router=10.213.4.1 "));
    EXPECT_THAT(AskForOptions(*secondary), HasSubstr("bound: router=10.213.4.2 "));
  });
}

TEST_F(LibvirtNetworksTest, WarnsOfAHostWithoutADefaultRoute) {
  PrivateLibvirtd::Run([this] {
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    EXPECT_TRUE(log_.Has("no default route"));
  });
}

}  // namespace
}  // namespace flatvm::integration
