// Loads the filter into a network namespace that plays the host, and sends packets through it.
#include "network/nft_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "daemon/base/str_cat.h"
#include "network/nft_rules.h"
#include "network/tenant_networks.h"
#include "tests/integration/net_namespace.h"

namespace flatvm::integration {
namespace {

using network::Ipv4Subnet;
using ::testing::StartsWith;

const Ipv4Subnet kAcme = *network::ParseIpv4Subnet("test", "10.213.4.0/24");
const Ipv4Subnet kGlobex = *network::ParseIpv4Subnet("test", "10.213.5.0/24");
constexpr uint16_t kPort = 8080;

// host: two tenants' bridges and the uplink 192.0.2.1; acme has two machines, globex one; outside
// is 192.0.2.2, whose only route is its link, so that an answer to a tenant's own address would go
// nowhere.
class NftTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    host_ = NetNamespace::Make();
    if (host_ == nullptr) GTEST_SKIP() << "needs root: no network namespace can be made";
    absl::Status probe;
    host_->Run([&] { probe = nft_.Run("add table inet probe; delete table inet probe"); });
    if (!probe.ok()) GTEST_SKIP() << "the kernel has no nf_tables here: " << probe;
    MakeBridge(kAcme);
    MakeBridge(kGlobex);
    web_ = AttachMachine("web", kAcme, "10.213.4.2");
    db_ = AttachMachine("db", kAcme, "10.213.4.3");
    rival_ = AttachMachine("rival", kGlobex, "10.213.5.2");
    outside_ = NetNamespace::Make();
    host_->Ip("link add up0 type veth peer name eth0 netns " + outside_->Path());
    host_->Ip("addr add 192.0.2.1/24 dev up0");
    host_->Ip("link set up0 up");
    outside_->Ip("addr add 192.0.2.2/24 dev eth0");
    outside_->Ip("link set eth0 up");
    host_->Run([] { RunOrFail({"/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"}); });
    // A link that is not up yet would be as silent as a filter.
    ASSERT_TRUE(Arrives(*web_, *host_, "10.213.4.1"));
    ASSERT_TRUE(Arrives(*db_, *host_, "10.213.4.1"));
    ASSERT_TRUE(Arrives(*rival_, *host_, "10.213.5.1"));
    ASSERT_TRUE(Arrives(*outside_, *host_, "192.0.2.1"));
  }

  void Load(const std::string& commands) {
    host_->Run([&] {
      const absl::Status status = nft_.Run(commands);
      ASSERT_TRUE(status.ok()) << status;
    });
  }

  void LoadBoth() {
    Load(network::BuildBaseRuleset({"up0"}) + network::BuildAddTenant(kAcme) +
         network::BuildAddTenant(kGlobex));
  }

  // "nft -j" objects of one kind, by name.
  std::map<std::string, nlohmann::json> List(const std::string& kind) {
    std::string text;
    host_->Run([&] {
      text = RunOrFail({"/usr/sbin/nft", "-j", "list", "table", "inet", network::kNftTable});
    });
    std::map<std::string, nlohmann::json> found;
    const nlohmann::json parsed = nlohmann::json::parse(text, nullptr, false);
    EXPECT_FALSE(parsed.is_discarded()) << text;
    if (parsed.is_discarded()) return found;
    for (const nlohmann::json& object : parsed.value("nftables", nlohmann::json::array())) {
      if (object.contains(kind)) found.emplace(object[kind].value("name", ""), object[kind]);
    }
    return found;
  }

  size_t ElementCount(const std::string& set) {
    return List("set")[set].value("elem", nlohmann::json::array()).size();
  }
  int Dropped(const std::string& counter) { return List("counter")[counter].value("packets", -1); }

  bool Arrives(const NetNamespace& sender, const NetNamespace& receiver, const std::string& to,
               uint16_t port = kPort) {
    return SendProbe({.sender = sender, .receiver = receiver, .to = to, .to_port = port},
                     Expect::kArrival)
        .has_value();
  }
  bool IsSilent(const NetNamespace& sender, const NetNamespace& receiver, const std::string& to,
                uint16_t port = kPort, const std::string& from = "") {
    return !SendProbe(
                {.sender = sender, .from = from, .receiver = receiver, .to = to, .to_port = port},
                Expect::kSilence)
                .has_value();
  }

  network::NftTable nft_;
  std::unique_ptr<NetNamespace> host_, web_, db_, rival_, outside_;

 private:
  void MakeBridge(const Ipv4Subnet& subnet) {
    const std::string bridge = network::BridgeName(subnet);
    host_->Ip(base::StrCat("link add ", bridge, " type bridge forward_delay 0 stp_state 0"));
    host_->Ip(base::StrCat("addr add ", subnet.Gateway().ToString(), "/", subnet.prefix_length,
                           " dev ", bridge));
    host_->Ip(base::StrCat("link set ", bridge, " up"));
  }

  std::unique_ptr<NetNamespace> AttachMachine(const std::string& tap, const Ipv4Subnet& subnet,
                                              const std::string& address) {
    std::unique_ptr<NetNamespace> machine = NetNamespace::Make();
    host_->Ip(base::StrCat("link add ", tap, " type veth peer name eth0 netns ", machine->Path()));
    host_->Ip(base::StrCat("link set ", tap, " master ", network::BridgeName(subnet), " up"));
    machine->Ip(base::StrCat("addr add ", address, "/", subnet.prefix_length, " dev eth0"));
    machine->Ip("link set eth0 up");
    machine->Ip("route add default via " + subnet.Gateway().ToString());
    return machine;
  }
};

TEST_F(NftTableTest, HoldsWhatWasLoadedHoweverOften) {
  LoadBoth();
  const auto chains = List("chain");
  LoadBoth();
  EXPECT_EQ(List("chain").size(), chains.size());
  EXPECT_EQ(ElementCount("uplinks"), 1U);
  EXPECT_EQ(ElementCount("sources"), 2U);
  EXPECT_EQ(ElementCount("gateways"), 2U);
  EXPECT_EQ(ElementCount("hairpins"), 2U);
  host_->Run([] {
    const std::string text =
        RunOrFail({"/usr/sbin/nft", "list", "chain", "inet", "flatvm", "input"});
    EXPECT_EQ(text.find("jump"), text.rfind("jump")) << "rules were added twice:\n" << text;
  });
}

TEST_F(NftTableTest, ReplacesUplinks) {
  LoadBoth();
  Load(network::BuildBaseRuleset({}));
  EXPECT_EQ(ElementCount("uplinks"), 0U);
  EXPECT_EQ(ElementCount("sources"), 2U);
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2"));
}

TEST_F(NftTableTest, RemovesOneTenantAndIsNotSurprisedByNone) {
  LoadBoth();
  Load(network::BuildRemoveTenant(kAcme));
  Load(network::BuildRemoveTenant(kAcme));
  EXPECT_EQ(ElementCount("sources"), 1U);
  EXPECT_EQ(ElementCount("gateways"), 1U);
  EXPECT_EQ(ElementCount("hairpins"), 1U);
  EXPECT_TRUE(Arrives(*rival_, *outside_, "192.0.2.2"));
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2")) << "a bridge without elements is shut";
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 53));
}

TEST_F(NftTableTest, RemovesFromAHostThatHasNoTable) {
  Load(network::BuildRemoveTenant(kAcme));
  EXPECT_EQ(ElementCount("sources"), 0U);
}

TEST_F(NftTableTest, SaysWhatNftablesRefusedAndChangesNothing) {
  LoadBoth();
  host_->Run([&] {
    const absl::Status status =
        nft_.Run(network::BuildRemoveTenant(kGlobex) + "add rule inet flatvm nowhere accept\n");
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("nftables"));
  });
  EXPECT_EQ(ElementCount("sources"), 2U);
}

TEST_F(NftTableTest, LetsMachinesOfATenantTalk) {
  LoadBoth();
  EXPECT_TRUE(Arrives(*web_, *db_, "10.213.4.3"));
}

TEST_F(NftTableTest, KeepsTenantsApart) {
  // Else the silence below would prove nothing.
  ASSERT_TRUE(Arrives(*web_, *rival_, "10.213.5.2"));
  LoadBoth();
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2"));
  EXPECT_TRUE(IsSilent(*rival_, *web_, "10.213.4.2"));
  EXPECT_GT(Dropped("to_elsewhere"), 0);
}

TEST_F(NftTableTest, ShowsTenantsOnlyTheirGatewaysDnsAndDhcp) {
  ASSERT_TRUE(Arrives(*web_, *host_, "192.0.2.1"));
  LoadBoth();
  EXPECT_TRUE(Arrives(*web_, *host_, "10.213.4.1", 53));
  EXPECT_TRUE(Arrives(*web_, *host_, "10.213.4.1", 67));
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 22));
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1"));
  EXPECT_TRUE(IsSilent(*web_, *host_, "192.0.2.1", 53)) << "the uplink's address";
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.5.1", 53)) << "another tenant's gateway";
  EXPECT_GT(Dropped("to_host"), 0);
  EXPECT_TRUE(IsEchoed(*web_, "10.213.4.1"));
  EXPECT_FALSE(IsEchoed(*web_, "192.0.2.1"));
}

TEST_F(NftTableTest, LetsAMachineAskForItsFirstAddress) {
  LoadBoth();
  web_->Ip("addr flush dev eth0");
  const auto seen = SendProbe({.sender = *web_,
                               .from_port = 68,
                               .receiver = *host_,
                               .to = "255.255.255.255",
                               .to_port = 67,
                               .device = "eth0",
                               .listen_on = "0.0.0.0"},
                              Expect::kArrival);
  EXPECT_EQ(seen, "0.0.0.0:68");
  EXPECT_FALSE(SendProbe({.sender = *web_,
                          .from_port = 68,
                          .receiver = *host_,
                          .to = "255.255.255.255",
                          .to_port = 53,
                          .device = "eth0",
                          .listen_on = "0.0.0.0"},
                         Expect::kSilence)
                   .has_value());
}

TEST_F(NftTableTest, TranslatesWhatLeavesByTheUplink) {
  LoadBoth();
  bool answered = false;
  const auto seen =
      SendProbe({.sender = *web_, .receiver = *outside_, .to = "192.0.2.2", .to_port = kPort},
                Expect::kArrival, &answered);
  ASSERT_TRUE(seen.has_value());
  EXPECT_THAT(*seen, StartsWith("192.0.2.1:"));
  EXPECT_TRUE(answered);
}

TEST_F(NftTableTest, LetsNobodyInUnasked) {
  outside_->Ip("route add 10.213.4.0/24 via 192.0.2.1");
  ASSERT_TRUE(Arrives(*outside_, *web_, "10.213.4.2"));
  LoadBoth();
  EXPECT_TRUE(IsSilent(*outside_, *web_, "10.213.4.2"));
  EXPECT_GT(Dropped("unsolicited"), 0);
}

TEST_F(NftTableTest, StopsForeignSourceAddresses) {
  LoadBoth();
  web_->Ip("addr add 10.213.5.77/32 dev eth0");
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2", kPort, "10.213.5.77"));
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 53, "10.213.5.77"));
  EXPECT_GE(Dropped("spoofed"), 2);
}

TEST_F(NftTableTest, KeepsTheHostsLinkLocalServicesFromTenants) {
  outside_->Ip("addr add 169.254.169.254/32 dev eth0");
  host_->Ip("route add 169.254.169.254/32 dev up0");
  ASSERT_TRUE(Arrives(*host_, *outside_, "169.254.169.254", 80));
  LoadBoth();
  EXPECT_TRUE(IsSilent(*web_, *outside_, "169.254.169.254", 80));
  EXPECT_GT(Dropped("to_link_local"), 0);
}

TEST_F(NftTableTest, StopsIpv6) {
  const std::string bridge = network::BridgeName(kAcme);
  host_->Ip(base::StrCat("addr add fd00::1/64 dev ", bridge, " nodad"));
  web_->Ip("addr add fd00::2/64 dev eth0 nodad");
  ASSERT_TRUE(Arrives(*web_, *host_, "fd00::1", 53));
  LoadBoth();
  EXPECT_TRUE(IsSilent(*web_, *host_, "fd00::1", 53));
  EXPECT_GT(Dropped("ipv6"), 0);
}

}  // namespace
}  // namespace flatvm::integration
