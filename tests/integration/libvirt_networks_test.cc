// LibvirtNetworks on a live libvirtd, dnsmasq and kernel, with machines that ask for their
// addresses.
#include "network/libvirt_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <thread>

#include "tests/integration/libvirt_networks_fixture.h"
#include "tests/integration/raw_frames.h"

namespace flatvm::integration {
namespace {

using network::NetworkSpec;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LibvirtNetworksTest : public LibvirtNetworksFixture {};

// RFC 4861 and RFC 8106.
constexpr size_t kIcmpv6 = 14 + 40;  // behind Ethernet's header and IPv6's
constexpr size_t kOptions = kIcmpv6 + 16;
constexpr int kPrefixInformation = 3;
constexpr int kRdnss = 25;

bool IsRouterAdvertisement(std::string_view frame) {
  return frame.size() > kOptions && frame.substr(12, 2) == "\x86\xdd" && frame[20] == 58 &&
         frame[kIcmpv6] == static_cast<char>(134);
}

std::set<int> OptionsOf(const std::string& advertisement) {
  std::set<int> types;
  for (size_t at = kOptions; at + 1 < advertisement.size() && advertisement[at + 1] != 0;
       at += 8 * static_cast<size_t>(advertisement[at + 1])) {
    types.insert(advertisement[at]);
  }
  return types;
}

TEST_F(LibvirtNetworksTest, GivesMachinesTheirAddressesAndNamesAndTakesThemBack) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease({"acme"}, ignore_), absl::OkStatus());
    const auto primary = Attach("primary", primary_.mac);
    const auto secondary = Attach("ignore", ignore_.mac);
    EXPECT_THAT(AskForAddress(*primary), HasSubstr("lease of 10.213.4.2 obtained"));
    EXPECT_THAT(AskForAddress(*secondary), HasSubstr("lease of 10.213.4.3 obtained"));
    primary->Ip("addr add 10.213.4.2/24 dev eth0");
    primary->Run([] {
      EXPECT_THAT(RunOrFail({kBusybox, "nslookup", "ignore.acme.internal", "10.213.4.1"}),
                  HasSubstr("10.213.4.3"));
    });

    EXPECT_EQ(networks_.RemoveLease({"acme"}, ignore_), absl::OkStatus());
    EXPECT_THAT(AskInVain(*secondary), HasSubstr("no lease"));
    primary->Run([] {
      EXPECT_THAT(RunOrFail({"/bin/sh", "-c",
                             "busybox nslookup ignore.acme.internal 10.213.4.1 2>&1 || true"}),
                  HasSubstr("NXDOMAIN"));
    });
    // Its address is another's before an hour is over.
    const network::Lease next{
        .hostname = "next", .mac = "52:54:00:d5:04:77", .address = ignore_.address};
    ASSERT_EQ(networks_.AddLease({"acme"}, next), absl::OkStatus());
    const auto successor = Attach("next", next.mac);
    EXPECT_THAT(AskForAddress(*successor), HasSubstr("lease of 10.213.4.3 obtained"));
    ASSERT_EQ(log_.Lines().size(), 1U) << log_.Lines().back().message;
    EXPECT_THAT(log_.Lines()[0].message,
                ::testing::MatchesRegex("made network flatvm-acme: filter [0-9]+ us, libvirt "
                                        "[0-9]+ us, guard [0-9]+ us, dnsmasq [0-9]+ us"));
  });
}

TEST_F(LibvirtNetworksTest, GivesStrangersNothing) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    const auto known = Attach("known", primary_.mac);
    EXPECT_THAT(AskForAddress(*known), HasSubstr("obtained"));
    const auto stranger = Attach("stranger", "52:54:00:99:99:99");
    EXPECT_THAT(AskInVain(*stranger), HasSubstr("no lease"));
  });
}

TEST_F(LibvirtNetworksTest, FindsTheUplinkAndRemovesEverythingWithTheNetwork) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
    EXPECT_THAT(*networks_.ListNetworks(), ElementsAre(network::NetworkId{"acme"}));
    const std::string filter = RunOrFail({"/usr/sbin/nft", "list", "table", "inet", "flatvm"});
    EXPECT_THAT(filter, HasSubstr("elements = { \"up0\" }"));
    EXPECT_THAT(filter, HasSubstr("\"fv-0ad50400\" . 10.213.4.0/24"));
    EXPECT_THAT(RunOrFail({"/bin/cat", "/proc/thread-self/net/udp"}), HasSubstr(":0043 "));
    EXPECT_THAT(RunOrFail({"/bin/cat", "/proc/sys/net/ipv4/ip_forward"}), HasSubstr("1"));
    ASSERT_EQ(networks_.RemoveNetwork(acme_), absl::OkStatus());
    EXPECT_THAT(*networks_.ListNetworks(), IsEmpty());
    EXPECT_EQ(::if_nametoindex("fv-0ad50400"), 0U);
    EXPECT_THAT(RunOrFail({"/bin/cat", "/proc/thread-self/net/udp"}), Not(HasSubstr(":0043 ")))
        << "somebody still serves DHCP";
    EXPECT_THAT(RunOrFail({"/usr/sbin/nft", "list", "table", "inet", "flatvm"}),
                Not(HasSubstr("fv-0ad50400")));
    EXPECT_THAT(RunOrFail({"/bin/ls", "/var/lib/libvirt/dnsmasq"}), Not(HasSubstr("acme")));
    EXPECT_EQ(RunOrFail({"/bin/ls", "/run/flatvm/dnsmasq"}), "");
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
    ASSERT_EQ(networks_.EnsureNetwork(grown), absl::OkStatus());
    EXPECT_EQ(*host_.GetBridgeState("fv-0ad50400"), network::BridgeState::kInUse);
    EXPECT_THAT(AskForAddress(*machine), HasSubstr("lease of 10.213.4.2 obtained"));
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
    const std::string config =
        RunOrFail({"/bin/cat", "/run/flatvm/dnsmasq/fv-0ad50400/dnsmasq.conf"});
    EXPECT_THAT(config, HasSubstr("option:mtu,1400"));
    RunOrFail({"/usr/sbin/ip", "link", "set", "up0", "mtu", "1300"});
    EXPECT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus()) << "it stays as it was made";
    EXPECT_EQ(RunOrFail({"/bin/cat", "/run/flatvm/dnsmasq/fv-0ad50400/dnsmasq.conf"}), config);
  });
}

TEST_F(LibvirtNetworksTest, GivesMachinesIpv6AddressesAndNamesForThem) {
  PrivateLibvirtd::Run([this] {
    MakeUplink();
    const auto pool = *network::ParseIpv6Pool("test", "fd12:3456:7800::/40");
    NetworkSpec acme = acme_;
    acme.prefix = pool.PrefixOf(acme_.subnet);
    ASSERT_EQ(networks_.EnsureNetwork(acme), absl::OkStatus());
    ASSERT_EQ(networks_.AddLease({"acme"}, ignore_), absl::OkStatus());
    const std::string address = AddressOf(*acme.prefix, ignore_.mac).ToString();
    const auto machine = Attach("ignore", ignore_.mac);
    // The kernel asks for it some moments after its link is up.
    RawPort port(*machine);
    const auto advertisement = port.Find(IsRouterAdvertisement, 10'000);
    ASSERT_TRUE(advertisement.has_value());
    const std::set<int> options = OptionsOf(*advertisement);
    EXPECT_TRUE(options.contains(kPrefixInformation));
    EXPECT_FALSE(options.contains(kRdnss)) << "a server for guests without the right address";
    // By the kernel itself, which asks for a router's word as soon as it has a link.
    std::string said;
    for (int tries = 0; tries < 100 && said.find(address) == std::string::npos; ++tries) {
      machine->Run([&] {
        said = RunOrFail({"/usr/sbin/ip", "-6", "addr", "show", "dev", "eth0", "-tentative"});
        said += RunOrFail({"/usr/sbin/ip", "-6", "route"});
      });
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_THAT(said, HasSubstr(address + "/64"));
    EXPECT_THAT(said, Not(HasSubstr("default via"))) << "nothing is routed";
    const auto answer = [&](const std::string& name) {
      std::string text;
      machine->Run([&] {
        text = RunOrFail({"/bin/sh", "-c",
                          "busybox nslookup -type=aaaa " + name + " " +
                              acme.prefix->Gateway().ToString() + " || true"});
      });
      return text;
    };
    EXPECT_THAT(answer("ignore.acme.internal"), HasSubstr(address));
    EXPECT_THAT(answer("primary.acme.internal"),
                HasSubstr(AddressOf(*acme.prefix, primary_.mac).ToString()));
    EXPECT_THAT(RunOrFail({"/bin/sh", "-c", "cat /proc/sys/net/ipv6/conf/all/forwarding"}),
                HasSubstr("0"))
        << "the host is no router because of us";
    ASSERT_EQ(networks_.EnsureNetwork(acme), absl::OkStatus()) << "which removes the other";
    EXPECT_THAT(answer("ignore.acme.internal"), Not(HasSubstr(address)));
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
