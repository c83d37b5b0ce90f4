// LibvirtNetworks on a live libvirtd, dnsmasq and kernel, with machines that ask for their
// addresses.
#include "network/libvirt_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include "tests/integration/libvirt_networks_fixture.h"

namespace flatvm::integration {
namespace {

using network::NetworkSpec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LibvirtNetworksTest : public LibvirtNetworksFixture {};

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

TEST_F(LibvirtNetworksTest, WarnsOfAHostWithoutADefaultRoute) {
  PrivateLibvirtd::Run([this] {
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    EXPECT_TRUE(log_.Has("no default route"));
  });
}

}  // namespace
}  // namespace flatvm::integration
