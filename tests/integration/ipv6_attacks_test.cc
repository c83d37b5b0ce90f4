// What a tenant's machine, or somebody outside, may try by IPv6 on a host that forwards it; most of
// it while the tables are gone.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "network/nft_rules.h"
#include "tests/integration/ipv6_tenants.h"
#include "tests/integration/raw_frames.h"

namespace flatvm::integration {
namespace {

constexpr char kGatewayMac[] = "52:54:00:d5:04:01";
constexpr char kUplinkMac[] = "02:00:00:00:00:02";
constexpr char kUplink[] = "2001:db8::1";
constexpr char kManagement[] = "2001:db8:1::2";
constexpr char kMarker[] = "marker";
constexpr int kMilliseconds = 200;
constexpr int kPatience = 5000;

struct Case {
  const char* what;
  std::string packet;
};

std::string ByGateway(const std::string& packet) {
  return EthernetFrame(kGatewayMac, kWebMac, "86dd", packet);
}

class Ipv6AttacksTest : public Ipv6Tenants {
 protected:
  void SetUp() override {
    Ipv6Tenants::SetUp();
    if (IsSkipped()) return;
    host_->Ip(std::string("link set fv-0ad50400 address ") + kGatewayMac);
    host_->Ip(std::string("addr add ") + kUplink + "/64 dev up0 nodad");
    outside_->Ip("addr add 2001:db8::2/64 dev eth0 nodad");
    outside_->Ip(std::string("route add fd12:3456:7800::/40 via ") + kUplink);
    ASSERT_TRUE(Arrives(*outside_, *host_, kUplink));
  }

  // Sends them one by one; each is to be refused, and counted.
  void ExpectRefused(const std::vector<Case>& cases) {
    RawPort sender(*web_);
    for (const Case& one : cases) {
      const network::Traffic before = Counted();
      sender.Send(ByGateway(one.packet));
      EXPECT_TRUE(Becomes([&] { return Counted().refused > before.refused; })) << one.what;
    }
  }

  static bool Becomes(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(1000);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  uint64_t AcceptedByTable() {
    uint64_t accepted = 0;
    host_->Run([&] {
      accepted =
          network::ParseCounters(*nft_.Ask(network::BuildListCounters(kAcme)), kAcme).accepted;
    });
    return accepted;
  }

  bool ArrivesFromGateway() {
    return SendProbe({.sender = *outside_,
                      .from = kGateway,
                      .receiver = *web_,
                      .to = kWeb,
                      .to_port = kPort},
                     Expect::kArrival)
        .has_value();
  }
};

TEST_F(Ipv6AttacksTest, DiscoveryIsLedNowhere) {
  const auto management = NetNamespace::Make();
  host_->Ip("link add mgmt0 type veth peer name eth0 netns " + management->Path());
  host_->Ip("addr add 2001:db8:1::1/64 dev mgmt0 nodad");
  host_->Ip("link set mgmt0 up");
  management->Ip(std::string("addr add ") + kManagement + "/64 dev eth0 nodad");
  management->Ip("link set eth0 up");
  ASSERT_TRUE(Arrives(*host_, *management, kManagement));
  Load("flush ruleset");
  RawPort sender(*web_), far(*management);
  const std::string own = Hex("fd12345678d50400 505400fffed50402");
  for (const bool guarded : {true, false}) {
    if (!guarded) Unguard();
    for (const std::string& body :
         {Hex("85 00 0000 00000000") + kMarker, Hex("87 00 0000 00000000") + own,
          Hex("88 00 0000 00000000") + own}) {
      const network::Traffic before = Counted();
      sender.Send(ByGateway(Ipv6Payload(kWeb, kManagement, IPPROTO_ICMPV6, body)));
      EXPECT_EQ(far.GetsEndOf(body, guarded ? kMilliseconds : kPatience), !guarded)
          << "type " << int{static_cast<uint8_t>(body[0])};
      EXPECT_EQ(Counted().refused, before.refused + (guarded ? 1 : 0));
    }
  }
}

TEST_F(Ipv6AttacksTest, DiscoveryIsForGroupsAndTheGatewayFromItsOwnLinkOnly) {
  const std::string about_gateway = Hex("87 00 0000 00000000 fd12345678d50400 0000000000000001");
  const auto discovery = [&](const std::string& to, int hop_limit = 255) {
    return Ipv6Payload(kWeb, to, IPPROTO_ICMPV6, about_gateway, hop_limit);
  };
  const std::vector<Case> cases = {{"the host's other address", discovery(kUplink)},
                                   {"another tenant's gateway", discovery(kRivalGateway)},
                                   {"from further away", discovery(kGateway, 254)},
                                   {"from further away, to a group", discovery("ff02::1", 254)}};
  for (const bool guarded : {true, false}) {
    SCOPED_TRACE(guarded ? "the guard alone" : "the table alone");
    if (guarded) {
      Load("flush ruleset");
    } else {
      host_->Run([this] { ASSERT_TRUE(kernel_.RestoreFilter().ok()); });
      Unguard();
    }
    ExpectRefused(cases);
    RawPort sender(*web_);
    const network::Traffic before = Counted();
    const uint64_t accepted = guarded ? before.accepted : AcceptedByTable();
    for (const char* to : {kGateway, "fe80::5054:ff:fed5:401", "ff02::1:ff00:1"}) {
      sender.Send(ByGateway(discovery(to)));
    }
    EXPECT_TRUE(Becomes(
        [&] { return (guarded ? Counted().accepted : AcceptedByTable()) >= accepted + 3; }));
    EXPECT_EQ(Counted().refused, before.refused);
  }
}

TEST_F(Ipv6AttacksTest, NobodyOutsideIsTheGateway) {
  Load("flush ruleset");
  outside_->Ip(std::string("addr add ") + kGateway + "/128 dev eth0 nodad");
  const network::Traffic before = Counted();
  EXPECT_TRUE(IsSilent(*outside_, *web_, kWeb, kPort, kGateway));
  EXPECT_GT(Counted().refused, before.refused);
  Unguard();
  EXPECT_TRUE(ArrivesFromGateway()) << "the kernel forwards what claims to be from itself";
}

// A kernel that has put fragments together, for the sake of connections, takes them apart again;
// where somebody's firewall has changed one, into new packets, which came in nowhere.
TEST_F(Ipv6AttacksTest, NobodyOutsideIsTheGatewayInFragmentsEither) {
  Load(
      "flush ruleset; add table ip6 judge; "
      "add chain ip6 judge f { type filter hook forward priority 0; }; "
      "add rule ip6 judge f ct state invalid counter; add rule ip6 judge f @th,1016,8 set 1");
  host_->Ip(std::string("link set up0 address ") + kUplinkMac);
  RawPort outside(*outside_), machine(*web_);
  const std::string udp = UdpPayload(1000, 2000, std::string(120, '\1'));
  const auto fragment = [&](const char* header, const std::string& payload) {
    return EthernetFrame(kUplinkMac, "02:00:00:00:00:01", "86dd",
                         Ipv6Payload(kGateway, kWeb, IPPROTO_FRAGMENT, Hex(header) + payload, 64));
  };
  for (const bool guarded : {true, false}) {
    if (!guarded) Unguard();
    const network::Traffic before = Counted();
    outside.Send(fragment("11 00 0001 00000007", udp.substr(0, 64)));
    outside.Send(fragment("11 00 0040 00000007", udp.substr(64)));
    EXPECT_EQ(machine.GetsEndOf(udp, guarded ? kMilliseconds : kPatience), !guarded);
    EXPECT_EQ(Counted().refused > before.refused, guarded);
  }
}

TEST_F(Ipv6AttacksTest, TheHostItselfIsTheGatewayInFragmentsToo) {
  Load("flush ruleset");
  RawPort machine(*web_);
  const std::string large = std::string(3000, '\1') + kMarker;
  host_->Run([&] {
    const base::UniqueFd udp(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(kPort);
    ASSERT_EQ(::inet_pton(AF_INET6, kWeb, &to.sin6_addr), 1);
    EXPECT_EQ(::sendto(udp.get(), large.data(), large.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              static_cast<ssize_t>(large.size()));
  });
  EXPECT_TRUE(machine.GetsEndOf(large.substr(large.size() - 50), kPatience));
}

TEST_F(Ipv6AttacksTest, TheHostItselfTellsOfRouters) {
  Load("flush ruleset");
  RawPort machine(*web_);
  const std::string advert = Hex("86 00 0000 40 00 0000 00000000 00000000") + kMarker;
  host_->Run([&] {
    const base::UniqueFd icmp(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_scope_id = ::if_nametoindex("fv-0ad50400");
    ASSERT_EQ(::inet_pton(AF_INET6, "ff02::1", &to.sin6_addr), 1);
    EXPECT_EQ(::sendto(icmp.get(), advert.data(), advert.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), sizeof(to)),
              static_cast<ssize_t>(advert.size()));
  });
  EXPECT_TRUE(machine.GetsEndOf(kMarker, kPatience));
}

TEST_F(Ipv6AttacksTest, DnsIsAskedForWithoutDisguise) {
  Load("flush ruleset");
  const std::string udp = UdpPayload(1000, kDns);
  const std::string options = Hex("11 00 01 04 00000000");
  const auto to_gateway = [](int next_header, const std::string& payload) {
    return Ipv6Payload(kWeb, kGateway, next_header, payload);
  };
  ExpectRefused(
      {{"a fragment", to_gateway(IPPROTO_FRAGMENT, Hex("11 00 0001 00000001") + udp)},
       {"a fragment of TCP",
        to_gateway(IPPROTO_FRAGMENT, Hex("06 00 0001 00000001") + udp + std::string(12, '\0'))},
       {"a later fragment", to_gateway(IPPROTO_FRAGMENT, Hex("11 00 0010 00000001") + udp)},
       {"a whole in a fragment", to_gateway(IPPROTO_FRAGMENT, Hex("11 00 0000 00000001") + udp)},
       {"hop-by-hop options", to_gateway(IPPROTO_HOPOPTS, options + udp)},
       {"destination options", to_gateway(IPPROTO_DSTOPTS, options + udp)},
       {"a route", to_gateway(IPPROTO_ROUTING, Hex("11 00 04 00 00000000") + udp)}});
}

}  // namespace
}  // namespace flatvm::integration
