// What a tenant's dnsmasq tells its machines, and that there is one, and what wakes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/types.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "tests/integration/libvirt_networks_fixture.h"

namespace flatvm::integration {
namespace {

using network::NetworkSpec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// In which multicast groups of routes and addresses the process' netlink sockets are, in the
// calling thread's network namespace: a word for each, in hexadecimal.
std::set<std::string> NetlinkGroups(pid_t pid) {
  std::ifstream table("/proc/thread-self/net/netlink");
  std::set<std::string> groups;
  std::string line;
  while (std::getline(table, line)) {
    std::istringstream words(line);
    std::string socket, protocol, owner, bits;
    if (words >> socket >> protocol >> owner >> bits && protocol == "0" &&
        owner == std::to_string(pid)) {
      groups.insert(bits);
    }
  }
  return groups;
}

class LibvirtServersTest : public LibvirtNetworksFixture {};

TEST_F(LibvirtServersTest, TellsIsolatedMachinesOfNoRouterAndAsksNobodyForThem) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.mode = network::NetworkMode::kIsolated;
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease({"acme"}, ignore_), absl::OkStatus()) << "the options are kept";
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

TEST_F(LibvirtServersTest, TellsMachinesThatTheirPrimaryIsTheRouter) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.mode = network::NetworkMode::kViaPrimary;
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease({"acme"}, ignore_), absl::OkStatus());
    const auto primary = Attach("primary", primary_.mac);
    const auto secondary = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForOptions(*primary), HasSubstr("bound: router=10.213.4.1 "));
    EXPECT_THAT(AskForOptions(*secondary), HasSubstr("bound: router=10.213.4.2 "));
  });
}

TEST_F(LibvirtServersTest, ServesATenantsFurtherNetworkBesideItsFirst) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const NetworkSpec storage{.tenant = "acme",
                              .network = "storage",
                              .subnet = *network::ParseIpv4Subnet("test", "10.213.5.0/24"),
                              .mode = network::NetworkMode::kIsolated};
    NetworkSpec web = storage;
    web.network = "web";
    web.subnet = *network::ParseIpv4Subnet("test", "10.213.6.0/24");
    web.mode = network::NetworkMode::kNat;
    ASSERT_EQ(networks_.EnsureNetwork(storage), absl::OkStatus());
    ASSERT_EQ(networks_.EnsureNetwork(web), absl::OkStatus());
    const network::Lease in_storage{
        .hostname = "db", .mac = "52:54:00:d5:05:02", .address = {0x0AD50502U}};
    const network::Lease in_web{
        .hostname = "db", .mac = "52:54:00:d5:06:02", .address = {0x0AD50602U}};
    ASSERT_EQ(networks_.AddLease(storage.Id(), in_storage), absl::OkStatus()) << "its first";
    ASSERT_EQ(networks_.AddLease(web.Id(), in_web), absl::OkStatus());
    const auto db = AttachTo(storage, "db1", in_storage.mac);
    const auto db_in_web = AttachTo(web, "db2", in_web.mac);
    const std::string said = AskForOptions(*db);
    EXPECT_THAT(said, HasSubstr("bound: router= dns=10.213.5.1\n"));
    EXPECT_THAT(AskForOptions(*db_in_web), HasSubstr("bound: router=10.213.6.1 "));
    db->Ip("addr add 10.213.5.2/24 dev eth0");
    db->Run([] {
      EXPECT_THAT(RunOrFail({kBusybox, "nslookup", "db.storage.acme.internal", "10.213.5.1"}),
                  HasSubstr("10.213.5.2"));
      const std::string other = RunOrFail(
          {"/bin/sh", "-c", "busybox nslookup primary.acme.internal 10.213.5.1 2>&1 || true"});
      EXPECT_THAT(other, HasSubstr("REFUSED")) << "that is the other network's";
    });
    EXPECT_EQ(networks_.EnsureNetwork(storage), absl::OkStatus()) << "it is as described";
    ASSERT_EQ(networks_.RemoveNetwork(storage), absl::OkStatus());
    EXPECT_EQ(::if_nametoindex("fv-0ad50500"), 0U);
    EXPECT_THAT(*networks_.ListNetworks(), ElementsAre(acme_.Id(), web.Id()));
    EXPECT_THAT(RunOrFail({"/bin/ls", "/var/lib/libvirt/dnsmasq"}), Not(HasSubstr("storage")));
    EXPECT_THAT(*programs_.ListRunning(), ElementsAre("fv-0ad50400", "fv-0ad50600"));
  });
}

TEST_F(LibvirtServersTest, HasADeadServerStartedAnew) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const size_t lines = log_.Lines().size();
    ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
    ASSERT_EQ(log_.Lines().size(), lines) << "it runs";
    ASSERT_EQ(programs_.Stop("fv-0ad50400"), absl::OkStatus());
    ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
    EXPECT_TRUE(log_.Has("it was started anew"));
    const auto machine = Attach("primary", primary_.mac);
    EXPECT_THAT(AskForAddress(*machine), HasSubstr("lease of 10.213.4.2 obtained"));
  });
}

// Made by somebody else, as it was: the kernel has another bridge then, of the same name.
TEST_F(LibvirtServersTest, ServesABridgeThatIsAnotherOfTheSameName) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const std::string xml = Xml();
    ASSERT_EQ(virNetworkDestroy(Handle().get()), 0);
    const libvirt::NetworkPtr again(virNetworkCreateXML(connection_.Get()->get(), xml.c_str()));
    ASSERT_NE(again, nullptr);
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const auto machine = Attach("primary", primary_.mac);
    EXPECT_THAT(AskForAddress(*machine), HasSubstr("lease of 10.213.4.2 obtained"));
  });
}

// With many networks it is what each of them would cost all others.
TEST_F(LibvirtServersTest, IsNotToldOfAddressesOfOtherNetworks) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    NetworkSpec spec = acme_;
    spec.prefix = network::ParseIpv6Pool("test", "fd12:3456:7800::/40")->PrefixOf(spec.subnet);
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    EXPECT_THAT(NetlinkGroups(programs_.FindProcess("fv-0ad50400")), ElementsAre("00000000"));
    EXPECT_THAT(NetlinkGroups(programs_.FindProcess("advertisements")),
                Not(ElementsAre("00000000")))
        << "it advertises prefixes that come later";
  });
}

TEST_F(LibvirtServersTest, AsksTheHostsResolversOfTheMoment) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const auto machine = Attach("primary", primary_.mac);
    machine->Ip("addr add 10.213.4.2/24 dev eth0");
    const auto ask = [&] {
      std::string said;
      machine->Run([&said] {
        said = RunOrFail(
            {"/bin/sh", "-c", "busybox nslookup elsewhere.example 10.213.4.1 2>&1 || true"});
      });
      return said;
    };
    // One of this moment's: a dnsmasq with the answer, at an address of the host's.
    RunOrFail({"/usr/sbin/dnsmasq", "--conf-file=/dev/null", "--listen-address=192.0.2.1",
               "--bind-interfaces", "--no-resolv", "--no-hosts", "--user=root",
               "--pid-file=/run/resolver.pid", "--address=/elsewhere.example/203.0.113.7"});
    const fakes::TempDir etc;
    std::ofstream(etc.path() + "/resolv.conf") << "nameserver 192.0.2.1\n";
    ASSERT_EQ(::mount((etc.path() + "/resolv.conf").c_str(), "/etc/resolv.conf", nullptr, MS_BIND,
                      nullptr),
              0);
    ASSERT_EQ(servers_.LookAfter(), absl::OkStatus());
    std::string said;
    for (int tries = 0; tries < 50 && said.find("203.0.113.7") == std::string::npos; ++tries) {
      said = ask();
    }
    EXPECT_THAT(said, HasSubstr("203.0.113.7"));
    RunOrFail({"/bin/sh", "-c", "kill $(cat /run/resolver.pid)"});
  });
}

}  // namespace
}  // namespace flatvm::integration
