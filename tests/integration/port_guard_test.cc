// The guard of a machine's port: what a machine may send, and what it may not, as its sibling sees
// it.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include <chrono>
#include <optional>
#include <thread>

#include "network/guard/tenant_guard.h"
#include "network/tenant_networks.h"
#include "tests/integration/raw_frames.h"
#include "tests/integration/two_tenants.h"

namespace flatvm::integration {
namespace {

constexpr char kWeb[] = "52:54:00:d5:04:02";
constexpr char kDb[] = "52:54:00:d5:04:03";
constexpr char kAll[] = "ff:ff:ff:ff:ff:ff";
constexpr char kAllNodes[] = "33:33:00:00:00:01";
constexpr char kWebIp[] = "10.213.4.2";
constexpr char kDbIp[] = "10.213.4.3";
constexpr char kWebLinkLocal[] = "fe80::5054:ff:fed5:402";
constexpr char kDbLinkLocal[] = "fe80::5054:ff:fed5:403";
constexpr int kMilliseconds = 150;
constexpr int kPatience = 5000;

struct Case {
  const char* what;
  std::string frame;
};

std::string Ip4(const std::string& payload, const char* to = kDb, const char* from = kWeb) {
  return EthernetFrame(to, from, "0800", payload);
}
std::string Ip6(const std::string& payload, const char* to = kDb, const char* from = kWeb) {
  return EthernetFrame(to, from, "86dd", payload);
}
std::string Arp(const std::string& payload, const char* to = kAll, const char* from = kWeb) {
  return EthernetFrame(to, from, "0806", payload);
}
// A neighbour message of that type about `target`, with an option.
std::string Discovery(const char* type, const std::string& target, const std::string& option) {
  in6_addr address{};
  EXPECT_EQ(::inet_pton(AF_INET6, target.c_str(), &address), 1);
  return Hex(type) + Hex("00 0000 00000000") +
         std::string(reinterpret_cast<const char*>(&address), sizeof(address)) + option;
}
std::string MacOption(const char* type, const char* mac) {
  return Hex(type) + Hex("01") + Hex(mac);
}

class PortGuardTest : public TwoTenants {
 protected:
  void SetUp() override {
    TwoTenants::SetUp();
    if (IsSkipped()) return;
    host_->Run([this] {
      guarded_ =
          guard_.EnsureBridge(::if_nametoindex(network::BridgeName(kAcme).c_str()), {kAcme}, {});
    });
    if (!guarded_.ok()) GTEST_SKIP() << "the kernel takes no guard here: " << guarded_;
    sender_.emplace(*web_);
    sibling_.emplace(*db_);
    // The way is open, so that silence means something.
    ASSERT_TRUE(Passes(Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(1, 2))), kPatience));
  }

  void Guard() {
    host_->Run([this] {
      const guard::Machine machine{.mac = {0x52, 0x54, 0x00, 0xD5, 0x04, 0x02},
                                   .address = *network::ParseIpv4Address("test", kWebIp)};
      ASSERT_EQ(guard_.EnsurePort(::if_nametoindex("web"), kAcme, machine), absl::OkStatus());
    });
  }

  bool Passes(const std::string& frame, int timeout_ms) {
    sender_->Send(frame);
    return sibling_->Gets(frame, timeout_ms);
  }
  guard::Counts Counted() { return *guard_.GetCounts(kAcme); }

  absl::Status guarded_;
  guard::TenantGuard guard_{{*network::ParseIpv4Subnet("test", "10.213.0.0/16")}, "/no/bpf/counts"};
  std::optional<RawPort> sender_;
  std::optional<RawPort> sibling_;
};

TEST_F(PortGuardTest, LetsAMachineSpeakForItself) {
  Guard();
  const uint64_t before = Counted().accepted;
  const std::vector<Case> cases = {
      {"UDP", Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(1000, 2000)))},
      {"TCP", Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_TCP, std::string(20, '\1')))},
      {"broadcast", Ip4(Ipv4Payload(kWebIp, "10.213.4.255", IPPROTO_UDP, UdpPayload(9, 9)), kAll)},
      {"a first fragment",
       Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(1000, 2000), 0x2000))},
      {"a later fragment",
       Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, std::string("\0\x43\0\x44", 4), 0x0010))},
      {"DHCP",
       Ip4(Ipv4Payload("0.0.0.0", "255.255.255.255", IPPROTO_UDP, UdpPayload(68, 67)), kAll)},
      {"ARP question", Arp(ArpPayload(1, kWeb, kWebIp, kDbIp))},
      {"ARP answer", Arp(ArpPayload(2, kWeb, kWebIp, kDbIp), kDb)},
      {"ARP probe", Arp(ArpPayload(1, kWeb, "0.0.0.0", kWebIp))},
      {"IPv6 echo", Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 58, Hex("80 00 0000 0001 0001")))},
      {"IPv6 UDP", Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 17, UdpPayload(1, 2)))},
      {"DHCPv6", Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1:2", 17, UdpPayload(546, 547)), kAllNodes)},
      {"a first fragment of IPv6",
       Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 44,
                       Hex("11 00 0001 00000001") + UdpPayload(1000, 2000)))},
      {"solicitation", Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 58,
                                       Discovery("87", kDbLinkLocal, MacOption("01", kWeb))),
                           kAllNodes)},
      {"solicitation for its own address",
       Ip6(Ipv6Payload("::", "ff02::1", 58,
                       Discovery("87", kWebLinkLocal, Hex("0e01aabbccddeeff"))),
           kAllNodes)},
      {"advertisement", Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 58,
                                        Discovery("88", kWebLinkLocal, MacOption("02", kWeb))))},
      {"advertisement without option",
       Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 58, Discovery("88", kWebLinkLocal, "")))},
      {"router solicitation",
       Ip6(Ipv6Payload(kWebLinkLocal, "ff02::2", 58, Hex("85 00 0000 00000000")), kAllNodes)},
  };
  for (const Case& one : cases) EXPECT_TRUE(Passes(one.frame, kPatience)) << one.what;
  EXPECT_GE(Counted().accepted, before + cases.size());
}

TEST_F(PortGuardTest, LetsAMachineJoinGroups) {
  Guard();
  const std::string mld = Hex("3a 00 05 02 0000 0100 8f 00 0000 0000 0001") + std::string(20, '\4');
  const guard::Counts before = Counted();
  // Bridges keep reports from those that are no routers; the counts tell.
  sender_->Send(Ip6(Ipv6Payload("::", "ff02::16", 0, mld), kAllNodes));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatience);
  while (Counted().accepted == before.accepted && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_GT(Counted().accepted, before.accepted);
  EXPECT_EQ(Counted().spoofed, before.spoofed);
}

TEST_F(PortGuardTest, StopsAndCountsWhatIsNotItsOwn) {
  Guard();
  const std::string udp = UdpPayload(1000, 2000);
  const std::string tagged = Hex("0001 0800") + Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, udp);
  const std::string advert = Hex("86 00 0000 40 00 0708 00000000 00000000");
  const std::vector<Case> cases = {
      {"a sibling's MAC", Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, udp), kAll, kDb)},
      {"a made-up MAC",
       Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, udp), kDb, "02:00:00:00:00:01")},
      {"a sibling's IP", Ip4(Ipv4Payload(kDbIp, kDbIp, IPPROTO_UDP, udp))},
      {"the gateway's IP", Ip4(Ipv4Payload("10.213.4.1", kDbIp, IPPROTO_TCP, udp))},
      {"a foreign IP", Ip4(Ipv4Payload("192.0.2.9", kDbIp, IPPROTO_ICMP, udp))},
      {"a foreign IP in a fragment", Ip4(Ipv4Payload("192.0.2.9", kDbIp, IPPROTO_UDP, udp, 0x10))},
      {"no IP", Ip4(Ipv4Payload("0.0.0.0", kDbIp, IPPROTO_UDP, UdpPayload(68, 67)))},
      {"no IP but no DHCP",
       Ip4(Ipv4Payload("0.0.0.0", "255.255.255.255", IPPROTO_UDP, UdpPayload(68, 53)), kAll)},
      {"a DHCP server",
       Ip4(Ipv4Payload(kWebIp, "255.255.255.255", IPPROTO_UDP, UdpPayload(67, 68)), kAll)},
      {"a DHCP server in a fragment",
       Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(67, 68), 0x2000))},
      {"a DHCP server at another port",
       Ip4(Ipv4Payload(kWebIp, "255.255.255.255", IPPROTO_UDP, UdpPayload(1000, 68)), kAll)},
      {"a DHCP server at another port, in a fragment",
       Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(1000, 68), 0x2000))},
      {"an ICMP redirect", Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_ICMP,
                                           Hex("05 01 0000 0ad50401") + std::string(28, '\0')))},
      {"ARP for the gateway", Arp(ArpPayload(2, kWeb, "10.213.4.1", kDbIp), kDb)},
      {"gratuitous ARP for the gateway", Arp(ArpPayload(1, kWeb, "10.213.4.1", "10.213.4.1"))},
      {"ARP for a sibling", Arp(ArpPayload(2, kWeb, kDbIp, kDbIp))},
      {"ARP with another's MAC", Arp(ArpPayload(2, kDb, kWebIp, kDbIp))},
      {"ARP in an odd form", Arp(Hex("0006 0800 06 04") + ArpPayload(1, kWeb, kWebIp, kDbIp))},
      {"a sibling's IPv6", Ip6(Ipv6Payload(kDbLinkLocal, kDbLinkLocal, 17, udp))},
      {"a made-up IPv6", Ip6(Ipv6Payload("fe80::1", kDbLinkLocal, 17, udp))},
      {"a global IPv6", Ip6(Ipv6Payload("2001:db8::1", kDbLinkLocal, 17, udp))},
      {"no IPv6", Ip6(Ipv6Payload("::", kDbLinkLocal, 17, udp))},
      {"a router", Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 58, advert), kAllNodes)},
      {"a router behind a hop-by-hop header",
       Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 0, Hex("3a 00 01 04 00000000") + advert),
           kAllNodes)},
      {"a router behind destination options",
       Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 60, Hex("3a 00 01 04 00000000") + advert),
           kAllNodes)},
      {"a router in a fragment",
       Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 44, Hex("3a 00 0001 00000001") + advert),
           kAllNodes)},
      {"a redirect", Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 58,
                                     Discovery("89", "fe80::1", std::string(16, '\0'))))},
      {"an advertisement for a sibling",
       Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 58,
                       Discovery("88", kDbLinkLocal, MacOption("02", kWeb))),
           kAllNodes)},
      {"an advertisement with another's MAC",
       Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 58,
                       Discovery("88", kWebLinkLocal, MacOption("02", kDb))))},
      {"an advertisement with two options",
       Ip6(Ipv6Payload(
           kWebLinkLocal, kDbLinkLocal, 58,
           Discovery("88", kWebLinkLocal, MacOption("02", kWeb) + MacOption("02", kDb))))},
      {"a solicitation with another's MAC",
       Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 58,
                       Discovery("87", kDbLinkLocal, MacOption("01", kDb))),
           kAllNodes)},
      {"a claim on a sibling's address",
       Ip6(Ipv6Payload("::", "ff02::1", 58, Discovery("87", kDbLinkLocal, "")), kAllNodes)},
      {"a DHCPv6 server", Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 17, UdpPayload(547, 546)))},
      {"a DHCPv6 server at another port",
       Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 17, UdpPayload(1000, 546)))},
      {"a DHCPv6 server in a fragment",
       Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 44,
                       Hex("11 00 0001 00000001") + UdpPayload(547, 546)))},
      {"a DHCPv6 server at another port, in a fragment",
       Ip6(Ipv6Payload(kWebLinkLocal, kDbLinkLocal, 44,
                       Hex("11 00 0001 00000001") + UdpPayload(1000, 546)))},
      {"an MLD querier", Ip6(Ipv6Payload(kWebLinkLocal, "ff02::1", 58,
                                         Hex("82 00 0000 00000000") + std::string(16, '\0')),
                             kAllNodes)},
      {"a VLAN", EthernetFrame(kDb, kWeb, "8100", tagged)},
      {"two VLANs", EthernetFrame(kDb, kWeb, "88a8", Hex("0001 8100") + tagged)},
      {"PPPoE", EthernetFrame(kDb, kWeb, "8864", std::string(46, '\0'))},
      {"an unknown type", EthernetFrame(kDb, kWeb, "88b5", std::string(46, '\0'))},
      {"a frame with a length",
       EthernetFrame(kDb, kWeb, "0026", Hex("42 42 03") + std::string(43, '\0'))},
      {"half an IPv4 header", Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, "").substr(0, 12))},
      {"half an ARP message", Arp(ArpPayload(1, kWeb, kWebIp, kDbIp).substr(0, 10))},
  };
  for (const Case& one : cases) {
    const guard::Counts before = Counted();
    EXPECT_FALSE(Passes(one.frame, kMilliseconds)) << one.what;
    const guard::Counts after = Counted();
    EXPECT_GE(after.spoofed + after.refused, before.spoofed + before.refused + 1) << one.what;
  }
}

TEST_F(PortGuardTest, ClosesAPortThatIsNobodys) {
  host_->Run(
      [this] { ASSERT_EQ(guard_.ClosePort(::if_nametoindex("web"), kAcme), absl::OkStatus()); });
  const uint64_t before = Counted().refused;
  EXPECT_FALSE(
      Passes(Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(1, 2))), kMilliseconds));
  EXPECT_GT(Counted().refused, before);
  Guard();
  EXPECT_TRUE(Passes(Ip4(Ipv4Payload(kWebIp, kDbIp, IPPROTO_UDP, UdpPayload(1, 2))), kPatience));
}

}  // namespace
}  // namespace flatvm::integration
