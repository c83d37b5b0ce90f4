// The guard alone, without any nftables table: what must hold while somebody has flushed it.
#include "network/guard/tenant_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "network/tenant_networks.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

using network::Ipv4Subnet;
using ::testing::HasSubstr;
using ::testing::Not;

class TenantGuardTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    absl::Status probe;
    host_->Run([&] { probe = guard_.EnsureUplink(::if_nametoindex("lo")); });
    if (!probe.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << probe;
  }

  // As flatvmd does, all of it.
  void Guard() {
    host_->Run([this] {
      const uint32_t uplink = ::if_nametoindex("up0");
      ASSERT_EQ(guard_.EnsureUplink(uplink), absl::OkStatus());
      for (const Ipv4Subnet& tenant : {kAcme, kGlobex}) {
        const uint32_t bridge = ::if_nametoindex(network::BridgeName(tenant).c_str());
        ASSERT_EQ(guard_.EnsureBridge(bridge, {tenant}, {.uplinks = {uplink}}), absl::OkStatus());
      }
    });
  }

  guard::Counts Counted(const Ipv4Subnet& tenant) { return *guard_.GetCounts(tenant); }

  // The NAT alone, as a host may have by other means.
  void Translate() {
    Load(
        "add table ip nat; add chain ip nat p { type nat hook postrouting priority srcnat; }; "
        "add rule ip nat p oifname \"up0\" masquerade");
  }

  guard::TenantGuard guard_{{*network::ParseIpv4Subnet("test", "10.213.0.0/16")}, "/no/bpf/counts"};
};

TEST_F(TenantGuardTest, KeepsTenantsApart) {
  ASSERT_TRUE(Arrives(*web_, *rival_, "10.213.5.2")) << "else the silence would prove nothing";
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2"));
  EXPECT_TRUE(IsSilent(*rival_, *web_, "10.213.4.2"));
  EXPECT_GE(Counted(kAcme).refused, 2U);
  EXPECT_GE(Counted(kGlobex).refused, 2U);
  EXPECT_TRUE(Arrives(*web_, *db_, "10.213.4.3")) << "a tenant's machines among themselves";
}

TEST_F(TenantGuardTest, ShowsTenantsOnlyTheirGatewaysDnsAndDhcp) {
  ASSERT_TRUE(Arrives(*web_, *host_, "192.0.2.1"));
  Guard();
  EXPECT_TRUE(Arrives(*web_, *host_, "10.213.4.1", 53));
  EXPECT_TRUE(Arrives(*web_, *host_, "10.213.4.1", 67));
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 22));
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1"));
  EXPECT_TRUE(IsSilent(*web_, *host_, "192.0.2.1", 53)) << "the uplink's address";
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.5.1", 53)) << "another tenant's gateway";
  EXPECT_TRUE(IsEchoed(*web_, "10.213.4.1"));
  EXPECT_FALSE(IsEchoed(*web_, "192.0.2.1"));
}

TEST_F(TenantGuardTest, LetsAMachineAskForItsFirstAddress) {
  Guard();
  web_->Ip("addr flush dev eth0");
  const auto ask = [this](uint16_t port, Expect expect) {
    return SendProbe({.sender = *web_,
                      .from_port = 68,
                      .receiver = *host_,
                      .to = "255.255.255.255",
                      .to_port = port,
                      .device = "eth0",
                      .listen_on = "0.0.0.0"},
                     expect);
  };
  EXPECT_EQ(ask(67, Expect::kArrival), "0.0.0.0:68");
  EXPECT_FALSE(ask(53, Expect::kSilence).has_value());
}

TEST_F(TenantGuardTest, LetsOutWhatIsTranslatedAndNothingElse) {
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2")) << "with a private source";
  Translate();
  EXPECT_TRUE(Arrives(*web_, *outside_, "192.0.2.2"));
}

TEST_F(TenantGuardTest, LeavesWhatIsTooLargeForTheUplinkToTheKernel) {
  Guard();
  Translate();
  Load(
      "add table ip judge; add chain ip judge f { type filter hook forward priority 0; }; "
      "add rule ip judge f meta mark set meta mark or 0x01000000");
  ASSERT_TRUE(Arrives(*web_, *outside_, "192.0.2.2")) << "so that the next hop is known";
  host_->Ip("link set up0 mtu 1280");
  const auto udp = [](const NetNamespace& machine) {
    base::UniqueFd fd;
    machine.Run([&] { fd.Reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
    return fd;
  };
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort + 1);
  const auto* const target = reinterpret_cast<const sockaddr*>(&address);
  const base::UniqueFd receiver = udp(*outside_);
  ASSERT_EQ(::bind(receiver.get(), target, sizeof(address)), 0);
  address.sin_addr.s_addr = htonl(network::ParseIpv4Address("test", "192.0.2.2")->value);
  const base::UniqueFd sender = udp(*web_);
  const int fragment = IP_PMTUDISC_DONT;
  ASSERT_EQ(::setsockopt(sender.get(), IPPROTO_IP, IP_MTU_DISCOVER, &fragment, sizeof(fragment)),
            0);
  std::string large(1400, 'x');
  ASSERT_EQ(::sendto(sender.get(), large.data(), large.size(), 0, target, sizeof(address)), 1400);
  pollfd wait{.fd = receiver.get(), .events = POLLIN};
  ASSERT_EQ(::poll(&wait, 1, 5000), 1) << "in fragments, it should arrive";
  EXPECT_EQ(::recv(receiver.get(), large.data(), large.size(), 0), 1400);
}

TEST_F(TenantGuardTest, LetsNobodyInWhomNoTableHasJudged) {
  outside_->Ip("route add 10.213.4.0/24 via 192.0.2.1");
  ASSERT_TRUE(Arrives(*outside_, *web_, "10.213.4.2"));
  Guard();
  EXPECT_TRUE(IsSilent(*outside_, *web_, "10.213.4.2"));
  EXPECT_GT(Counted(kAcme).refused, 0U);
  Load(
      "add table ip judge; add chain ip judge f { type filter hook forward priority 0; }; "
      "add rule ip judge f meta mark set meta mark or 0x01000000");
  EXPECT_TRUE(Arrives(*outside_, *web_, "10.213.4.2"));
}

TEST_F(TenantGuardTest, LeadsOutByTheUplinkOnly) {
  const auto management = NetNamespace::Make();
  host_->Ip("link add mgmt0 type veth peer name eth0 netns " + management->Path());
  host_->Ip("addr add 198.18.0.1/24 dev mgmt0");
  host_->Ip("link set mgmt0 up");
  management->Ip("addr add 198.18.0.2/24 dev eth0");
  management->Ip("link set eth0 up");
  ASSERT_TRUE(Arrives(*web_, *management, "198.18.0.2"));
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *management, "198.18.0.2"));
}

TEST_F(TenantGuardTest, StopsForeignSourceAddresses) {
  Guard();
  Translate();
  web_->Ip("addr add 10.213.5.77/32 dev eth0");
  const uint64_t before = Counted(kAcme).spoofed;
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2", kPort, "10.213.5.77"));
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 53, "10.213.5.77"));
  EXPECT_GE(Counted(kAcme).spoofed, before + 2);
}

TEST_F(TenantGuardTest, KeepsTheHostsLinkLocalServicesFromTenants) {
  outside_->Ip("addr add 169.254.169.254/32 dev eth0");
  host_->Ip("route add 169.254.169.254/32 dev up0");
  Translate();
  ASSERT_TRUE(Arrives(*web_, *outside_, "169.254.169.254", 80));
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *outside_, "169.254.169.254", 80));
}

TEST_F(TenantGuardTest, StopsIpv6) {
  const std::string bridge = network::BridgeName(kAcme);
  host_->Ip("addr add fd00::1/64 dev " + bridge + " nodad");
  web_->Ip("addr add fd00::2/64 dev eth0 nodad");
  ASSERT_TRUE(Arrives(*web_, *host_, "fd00::1", 53));
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *host_, "fd00::1", 53));
}

TEST_F(TenantGuardTest, LeavesAloneWhatIsInPlaceAndReplacesWhatIsOld) {
  Guard();
  const auto programs = [this] {
    std::string text;
    host_->Run([&] {
      for (const char* words : {"fv-0ad50400 ingress", "fv-0ad50400 egress", "up0 egress"}) {
        text += RunOrFail({"/bin/sh", "-c", std::string("/usr/sbin/tc filter show dev ") + words});
      }
    });
    return text;
  };
  const std::string before = programs();
  EXPECT_THAT(before, HasSubstr("flatvm-"));
  Guard();
  EXPECT_EQ(programs(), before);
  host_->Run([this] {
    const uint32_t bridge = ::if_nametoindex(network::BridgeName(kAcme).c_str());
    ASSERT_EQ(guard_.EnsureBridge(bridge, {kAcme}, {}), absl::OkStatus());
  });
  EXPECT_NE(programs(), before);
  Translate();
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2")) << "no uplink, no way out";
}

TEST_F(TenantGuardTest, ComesBackWhereSomebodyTookItAway) {
  Guard();
  host_->Run([] {
    // Each of the two would be enough.
    for (const char* bridge : {"fv-0ad50400", "fv-0ad50500"}) {
      RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", bridge, "clsact"});
    }
  });
  ASSERT_TRUE(Arrives(*web_, *rival_, "10.213.5.2"));
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2"));
}

TEST_F(TenantGuardTest, TakesItselfOffTheUplink) {
  Guard();
  host_->Run([this] {
    const uint32_t uplink = ::if_nametoindex("up0");
    EXPECT_EQ(guard_.RemoveUplink(uplink), absl::OkStatus());
    EXPECT_EQ(guard_.RemoveUplink(uplink), absl::OkStatus());
    EXPECT_EQ(guard_.RemoveUplink(::if_nametoindex("eth9")), absl::OkStatus());
    EXPECT_THAT(RunOrFail({"/usr/sbin/tc", "filter", "show", "dev", "up0", "egress"}),
                Not(HasSubstr("flatvm-")));
  });
}

TEST_F(TenantGuardTest, BeginsToCountAtZeroWithEachTenant) {
  Guard();
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2"));
  ASSERT_GT(Counted(kAcme).refused, 0U);
  EXPECT_EQ(guard_.Forget(kAcme), absl::OkStatus());
  EXPECT_EQ(guard_.GetCounts(kAcme).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2")) << "it holds without counting, too";
  Guard();
  EXPECT_EQ(Counted(kAcme).refused, 0U);
}

}  // namespace
}  // namespace flatvm::integration
