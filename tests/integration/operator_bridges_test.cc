// Machines on a bridge of the operator's, in a network namespace that plays the host.
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include <chrono>
#include <thread>

#include "daemon/base/names.h"
#include "tests/integration/flood.h"
#include "tests/integration/operator_bridges_fixture.h"

namespace flatvm::integration {
namespace {

using base::Reason;
using network::BridgeKind;
using network::NetworkSpec;

TEST_F(OperatorBridgesTest, StopWhatIsNotAMachinesOwn) {
  ASSERT_EQ(Ensure(Plain()), absl::OkStatus());
  ASSERT_EQ(AddMachine(web_), absl::OkStatus());
  const auto web = Plug("web", kWeb, "br1");
  ASSERT_TRUE(Becomes([&] { return IsGuarded("web"); }));
  RawPort sender(*web), peer(*peer1_);
  const auto passes = [&](const std::string& frame, int timeout_ms) {
    sender.Send(frame);
    return peer.Gets(frame, timeout_ms);
  };
  const std::string first = Ip4(Udp("192.0.2.7", 1000));
  ASSERT_TRUE(Becomes([&] { return passes(first, kMilliseconds); }));
  const auto ip6 = [](const std::string& payload, const char* to = kPeer, const char* from = kWeb) {
    return EthernetFrame(to, from, "86dd", payload);
  };
  const std::string advert = Hex("86 00 0000 40 00 0708 00000000 00000000");
  const std::string solicited(24, '\0');
  const struct {
    const char* what;
    std::string frame;
  } good[] = {
      {"any IPv4 address", Ip4(Udp("198.51.100.1", 1))},
      {"DHCP",
       EthernetFrame(kAll, kWeb, "0800",
                     Ipv4Payload("0.0.0.0", "255.255.255.255", IPPROTO_UDP, UdpPayload(68, 67)))},
      {"ARP", EthernetFrame(kAll, kWeb, "0806", ArpPayload(1, kWeb, "192.0.2.7", "192.0.2.1"))},
      {"any IPv6 address", ip6(Ipv6Payload("2001:db8::7", "2001:db8::99", 17, UdpPayload(1, 2)))},
      {"IPv6 TCP", ip6(Ipv6Payload("fe80::7", "fe80::99", 6, std::string(20, '\1')))},
      {"neighbour advertisement",
       ip6(Ipv6Payload("fe80::7", "fe80::99", 58,
                       Hex("88 00 0000 00000000") + Hex("fe80") + std::string(13, '\0') + "\7"))},
      {"a claim on an address",
       ip6(Ipv6Payload("::", "ff02::1", 58,
                       Hex("87 00 0000 00000000") + Hex("fe80") + std::string(13, '\0') + "\7"),
           kAllNodes)},
      {"echo", ip6(Ipv6Payload("fe80::7", "fe80::99", 58, Hex("80 00 0000 0001 0001")))},
  };
  for (const auto& one : good) EXPECT_TRUE(passes(one.frame, kPatience)) << one.what;
  const struct {
    const char* what;
    std::string frame;
  } bad[] = {
      {"another MAC", Ip4(Udp("192.0.2.7", 1), "52:aa:bb:cc:00:02")},
      {"the peer's MAC", EthernetFrame(kAll, kPeer, "0800", Udp("192.0.2.7", 1))},
      {"ARP with another MAC",
       EthernetFrame(kAll, kWeb, "0806", ArpPayload(2, kPeer, "192.0.2.7", "192.0.2.1"))},
      {"its own VLAN as a tag",
       EthernetFrame(kPeer, kWeb, "8100", Hex("0064 0800") + Udp("192.0.2.7", 1))},
      {"another VLAN", EthernetFrame(kPeer, kWeb, "8100", Hex("0001 0800") + Udp("192.0.2.7", 1))},
      {"two VLANs",
       EthernetFrame(kPeer, kWeb, "88a8", Hex("0064 8100 0001 0800") + Udp("192.0.2.7", 1))},
      {"a DHCP server", Ip4(Udp("192.0.2.7", 67))},
      {"an ICMP redirect", Ip4(Ipv4Payload("192.0.2.7", "192.0.2.99", IPPROTO_ICMP,
                                           Hex("05 01 0000 0ad50401") + std::string(28, '\0')))},
      {"an ICMP router", Ip4(Ipv4Payload("192.0.2.7", "224.0.0.1", IPPROTO_ICMP,
                                         Hex("09 00 0000 01 02 0708 c0000207 00000000")))},
      {"a router", ip6(Ipv6Payload("fe80::7", "ff02::1", 58, advert), kAllNodes)},
      {"a router behind a hop-by-hop header",
       ip6(Ipv6Payload("fe80::7", "ff02::1", 0, Hex("3a 00 01 04 00000000") + advert), kAllNodes)},
      {"a router in a fragment",
       ip6(Ipv6Payload("fe80::7", "ff02::1", 44, Hex("3a 00 0001 00000001") + advert), kAllNodes)},
      {"a redirect", ip6(Ipv6Payload("fe80::7", "fe80::99", 58,
                                     Hex("89 00 0000 00000000") + std::string(32, '\0')))},
      {"a DHCPv6 server", ip6(Ipv6Payload("fe80::7", "fe80::99", 17, UdpPayload(547, 546)))},
      {"no IPv6 address", ip6(Ipv6Payload("::", "fe80::99", 17, UdpPayload(1, 2)))},
      {"an advertisement with another MAC",
       ip6(Ipv6Payload("fe80::7", "fe80::99", 58,
                       Hex("88 00 0000 00000000") + Hex("fe80") + std::string(13, '\0') + "\7" +
                           Hex("02 01") + Hex(kPeer)))},
      {"a bridge's own protocol",
       EthernetFrame("01:80:c2:00:00:0e", kWeb, "0026", Hex("42 42 03") + std::string(43, '\0'))},
      {"PPPoE", EthernetFrame(kPeer, kWeb, "8864", std::string(46, '\0'))},
  };
  for (const auto& one : bad) EXPECT_FALSE(passes(one.frame, kMilliseconds)) << one.what;
  EXPECT_TRUE(passes(first, kPatience)) << "the way is still open";
}

TEST_F(OperatorBridgesTest, NeedNoVlan) {
  NetworkSpec plain = Plain();
  plain.leases = {web_};
  const auto web = Plug("web", kWeb, "br1");
  ASSERT_EQ(Ensure(plain), absl::OkStatus());
  EXPECT_TRUE(IsGuarded("web")) << "it was there before";
  RawPort sender(*web), peer(*peer1_);
  const std::string frame = Ip4(Udp("192.0.2.7", 1000));
  EXPECT_TRUE(Becomes([&] {
    sender.Send(frame);
    return peer.Gets(frame, kMilliseconds);
  }));
  const std::string lie = Ip4(Udp("192.0.2.7", 1), "52:aa:bb:cc:00:02");
  sender.Send(lie);
  EXPECT_FALSE(peer.Gets(lie, kMilliseconds));
}

// Nobody watches here: it is the table that was there before the port.
TEST_F(OperatorBridgesTest, HoldAMachineFromItsFirstFrameOn) {
  watch_.reset();
  const std::string tap = base::TapName(kWeb);
  const std::string own = Ip4(Udp("192.0.2.7", 1000));
  const std::string lie = Ip4(Udp("192.0.2.7", 1), "52:aa:bb:cc:00:02");
  const std::string server = Ip4(Udp("192.0.2.7", 67));
  ASSERT_EQ(Ensure(Plain()), absl::OkStatus());
  {
    const auto web = Plug(tap, kWeb, "br1");
    RawPort sender(*web), peer(*peer1_);
    sender.Send(own);
    EXPECT_FALSE(peer.Gets(own, kMilliseconds)) << "nobody knows it yet";
  }
  host_->Run([&] { RunOrFail({"/bin/sh", "-c", "ip link delete " + tap + " 2>&-; true"}); });
  ASSERT_EQ(AddMachine(web_), absl::OkStatus());
  const auto web = Plug(tap, kWeb, "br1");
  RawPort sender(*web), peer(*peer1_);
  EXPECT_TRUE(Becomes([&] {
    sender.Send(own);
    return peer.Gets(own, kMilliseconds);
  }));
  for (const std::string& frame : {lie, server}) {
    sender.Send(frame);
    EXPECT_FALSE(peer.Gets(frame, kMilliseconds));
  }
}

TEST_F(OperatorBridgesTest, HoldAMachineToItsCeilingAndItsTenants) {
  constexpr uint64_t kSlow = uint64_t{64} << 10U;
  NetworkSpec plain = Plain();
  plain.leases = {web_};
  // By its address there its ceiling goes.
  NetworkSpec first{.tenant = "acme", .subnet = spec_.subnet};
  first.leases = {{.hostname = "web",
                   .mac = "52:54:00:d5:04:03",
                   .address = {spec_.subnet.Gateway().value + 2}}};
  host_->Ip("link add " + network::BridgeName(spec_.subnet) + " type bridge");
  host_->Run([&] {
    ASSERT_EQ(kernel_.EnsureFilter(first), absl::OkStatus());
    ASSERT_EQ(kernel_.EnsureGuard(first), absl::OkStatus());
  });
  const auto web = Plug("web", kWeb, "br1");
  web->Ip("addr add 192.0.2.7/24 dev eth0");
  peer1_->Ip("addr add 192.0.2.99/24 dev eth0");
  ASSERT_EQ(Ensure(plain), absl::OkStatus());
  ASSERT_TRUE(Becomes([&] { return Flood(*web, *peer1_, "192.0.2.99") == kFlood; }));
  for (const network::Ceilings& ceilings :
       {network::Ceilings{.out = kSlow}, network::Ceilings{.vm_out = kSlow, .vm_in = kSlow}}) {
    host_->Run(
        [&] { EXPECT_EQ(kernel_.bridges().SetCeilings(spec_.Id(), ceilings), absl::OkStatus()); });
    EXPECT_LT(Flood(*web, *peer1_, "192.0.2.99"), kFlood);
    const int gotten = Flood(*peer1_, *web, "192.0.2.7");
    EXPECT_EQ(gotten == kFlood, ceilings.vm_in == 0) << gotten;
  }
  // One more machine gives nobody a burst again.
  host_->Run([&] {
    ASSERT_EQ(kernel_.bridges().SetCeilings(spec_.Id(), {.out = 2 * kSlow}), absl::OkStatus());
  });
  const auto start = std::chrono::steady_clock::now();
  int arrived = Flood(*web, *peer1_, "192.0.2.99");
  ASSERT_EQ(AddMachine({.hostname = "db", .mac = "52:aa:bb:cc:00:33", .address = {}}),
            absl::OkStatus());
  const auto db = Plug("db", "52:aa:bb:cc:00:33", "br1");
  ASSERT_TRUE(Becomes([&] { return IsGuarded("db"); }));
  arrived += Flood(*web, *peer1_, "192.0.2.99");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_LE(static_cast<uint64_t>(arrived) * kFloodFrame,
            (uint64_t{256} << 10U) + 2 * kSlow * (took.count() + 0.1));
}

TEST_F(OperatorBridgesTest, ShutMachinesOffThatLoseTheirBridge) {
  const std::string tap = base::TapName(kWeb);
  const auto open = [&] {
    std::string ports;
    host_->Run([&] {
      ports = RunOrFail({"/usr/sbin/nft", "list", "set", "bridge", "flatvm", "ports"});
    });
    return ports.find(tap) != std::string::npos;
  };
  ASSERT_EQ(Ensure(Plain()), absl::OkStatus());
  ASSERT_EQ(AddMachine(web_), absl::OkStatus());
  const auto web = Plug(tap, kWeb, "br1");
  ASSERT_TRUE(Becomes([&] { return IsGuarded(tap) && open(); }));
  host_->Ip("link delete br1");
  EXPECT_TRUE(Becomes([&] { return !open(); }));
  host_->Ip("link add br1 type bridge forward_delay 0 stp_state 0");
  host_->Ip("link set br1 up");
  host_->Ip("link set " + tap + " master br1");
  EXPECT_TRUE(Becomes(open));
}

TEST_F(OperatorBridgesTest, AreForgotten) {
  ASSERT_EQ(Ensure(Plain()), absl::OkStatus());
  EXPECT_EQ(kernel_.bridges().List(), std::vector{spec_.Id()});
  EXPECT_EQ(AddMachine(web_), absl::OkStatus());
  EXPECT_EQ(AddMachine(web_), absl::OkStatus());
  EXPECT_FALSE(AddMachine({.hostname = "web", .mac = kPeer, .address = {}}).ok());
  host_->Run([this] { EXPECT_EQ(kernel_.bridges().Remove(spec_.Id()), absl::OkStatus()); });
  EXPECT_FALSE(kernel_.bridges().Has(spec_.Id()));
  EXPECT_EQ(AddMachine(web_).code(), absl::StatusCode::kInternal);
  const auto web = Plug("web", kWeb, "br1");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_FALSE(IsGuarded("web"));
}

}  // namespace
}  // namespace flatvm::integration
