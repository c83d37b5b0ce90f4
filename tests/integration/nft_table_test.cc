// Loads the filter into a network namespace that plays the host, and sends packets through it.
#include "network/nft_table.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "network/nft_base_ruleset.h"
#include "network/nft_rules.h"
#include "network/tenant_networks.h"
#include "tests/integration/raw_frames.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

using ::testing::StartsWith;

class NftTableTest : public TwoTenants {
 protected:
  void LoadBoth() {
    Load(network::BuildBaseRuleset({"up0"}) + network::BuildAddTenant({.subnet = kAcme}) +
         network::BuildAddTenant({.subnet = kGlobex}));
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
  Load(network::BuildRemoveTenant({.subnet = kAcme}));
  Load(network::BuildRemoveTenant({.subnet = kAcme}));
  EXPECT_EQ(ElementCount("sources"), 1U);
  EXPECT_EQ(ElementCount("gateways"), 1U);
  EXPECT_EQ(ElementCount("hairpins"), 1U);
  EXPECT_TRUE(Arrives(*rival_, *outside_, "192.0.2.2"));
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2")) << "a bridge without elements is shut";
  EXPECT_TRUE(IsSilent(*web_, *host_, "10.213.4.1", 53));
}

TEST_F(NftTableTest, RemovesATenantsIpv6AndRestoresThatOfTheOthers) {
  const auto dual = [](const network::Ipv4Subnet& subnet) {
    return network::TenantRules{
        .subnet = subnet,
        .prefix = network::ParseIpv6Pool("test", "fd12:3456:7800::/40")->PrefixOf(subnet)};
  };
  const auto counts = [this] {
    return std::vector<size_t>{ElementCount("dual"), ElementCount("sources6"),
                               ElementCount("gateways6")};
  };
  Load(network::BuildBaseRuleset({"up0"}) + network::BuildAddTenant(dual(kAcme)) +
       network::BuildAddTenant(dual(kGlobex)));
  EXPECT_EQ(counts(), (std::vector<size_t>{2, 4, 4}));
  for (int i = 0; i < 2; ++i) {
    Load(network::BuildRemoveTenant(dual(kAcme)));
    EXPECT_EQ(counts(), (std::vector<size_t>{1, 2, 2})) << i;
  }
  Load(network::BuildRestore({"up0"}, {dual(kAcme)}, network::Others::kStay));
  EXPECT_EQ(counts(), (std::vector<size_t>{2, 4, 4}));
  Load(network::BuildRestore({"up0"}, {dual(kAcme)}));
  EXPECT_EQ(counts(), (std::vector<size_t>{1, 2, 2}));
  Load(network::BuildRestore({"up0"}, {}));
  EXPECT_EQ(counts(), (std::vector<size_t>{0, 0, 0}));
}

TEST_F(NftTableTest, RemovesFromAHostThatHasNoTable) {
  Load(network::BuildRemoveTenant({.subnet = kAcme}));
  EXPECT_EQ(ElementCount("sources"), 0U);
}

TEST_F(NftTableTest, SaysWhatNftablesRefusedAndChangesNothing) {
  LoadBoth();
  host_->Run([&] {
    const absl::Status status = nft_.Run(network::BuildRemoveTenant({.subnet = kGlobex}) +
                                         "add rule inet flatvm nowhere accept\n");
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

TEST_F(NftTableTest, CountsForEachTenantAndWithoutACounterDropsAllTheSame) {
  LoadBoth();
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2"));
  EXPECT_TRUE(IsSilent(*web_, *host_, "192.0.2.1", 22));
  EXPECT_TRUE(Arrives(*web_, *host_, "10.213.4.1", 53));
  web_->Ip("addr add 10.213.5.77/32 dev eth0");
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2", kPort, "10.213.5.77"));
  host_->Run([&] {
    const auto counted = [&](const network::Ipv4Subnet& subnet) {
      return network::ParseCounters(*nft_.Ask(network::BuildListCounters(subnet)), subnet);
    };
    EXPECT_GE(counted(kAcme).accepted, 1U);
    EXPECT_GE(counted(kAcme).spoofed, 1U);
    EXPECT_GE(counted(kAcme).refused, 2U);
    EXPECT_EQ(counted(kGlobex), network::Traffic{});
  });
  Load("flush map inet flatvm refused_of; flush map inet flatvm spoofed_of");
  EXPECT_TRUE(IsSilent(*web_, *rival_, "10.213.5.2"));
  EXPECT_TRUE(IsSilent(*web_, *outside_, "192.0.2.2", kPort, "10.213.5.77"));
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

TEST_F(NftTableTest, LetsNothingLeaveThatIsNotTranslated) {
  RawPort outside(*outside_);
  const auto sends = [&](const std::string& marker) {
    web_->Run([&] {
      const base::UniqueFd raw(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP));
      // An echo reply that nobody asked for: no connection's, so it is never translated.
      const std::string reply = std::string(sizeof(icmphdr), '\0') + marker;
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_addr.s_addr = ::inet_addr("192.0.2.2");
      EXPECT_EQ(::sendto(raw.get(), reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&to),
                         sizeof(to)),
                static_cast<ssize_t>(reply.size()));
    });
  };
  sends("before");
  ASSERT_TRUE(outside.GetsEndOf("before", 5000));
  LoadBoth();
  sends("behind");
  EXPECT_FALSE(outside.GetsEndOf("behind", 200));
  EXPECT_EQ(Dropped("untranslated"), 1);
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
