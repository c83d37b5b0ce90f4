// IPv6 of tenants' networks: what reaches whom, by the guard alone, by the table alone, and by
// both.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

#include "tests/integration/ipv6_tenants.h"
#include "tests/integration/raw_frames.h"

namespace flatvm::integration {
namespace {

constexpr int kMilliseconds = 200;
constexpr int kPatience = 5000;

class Ipv6Test : public Ipv6Tenants {
 protected:
  void ExpectDnsAndNoOther() {
    EXPECT_TRUE(Arrives(*web_, *db_, kDb));
    EXPECT_TRUE(Arrives(*web_, *host_, kGateway, kDns));
    const network::Traffic before = Counted();
    EXPECT_TRUE(IsSilent(*web_, *host_, kGateway, kPort));
    EXPECT_TRUE(IsSilent(*web_, *host_, kRivalGateway, kDns)) << "another tenant's gateway";
    EXPECT_TRUE(IsSilent(*web_, *rival_, kRival)) << "another tenant's machine";
    EXPECT_GE(Counted().refused, before.refused + 3);
  }
};

TEST_F(Ipv6Test, LeadsToSiblingsAndTheGatewaysDnsOnly) { ExpectDnsAndNoOther(); }

TEST_F(Ipv6Test, HoldsWhileTheTableIsGone) {
  Load("flush ruleset");
  ExpectDnsAndNoOther();
}

TEST_F(Ipv6Test, HoldsWithoutTheGuard) {
  Unguard();
  ExpectDnsAndNoOther();
}

TEST_F(Ipv6Test, AnswersEchoRequests) {
  web_->Run([] {
    RunOrFail({"/bin/busybox", "ping", "-6", "-c", "1", "-W", "5", kGateway});
    RunOrFail({"/bin/busybox", "ping", "-6", "-c", "1", "-W", "5", "fe80::5054:ff:fed5:401%eth0"});
  });
}

TEST_F(Ipv6Test, DropsAndCountsWhatIsNotTheMachinesOwn) {
  RawPort sender(*web_), sibling(*db_);
  const auto udp = [](const char* from) {
    return EthernetFrame(kDbMac, kWebMac, "86dd",
                         Ipv6Payload(from, kDb, IPPROTO_UDP, UdpPayload(1000, 2000)));
  };
  sender.Send(udp(kWeb));
  EXPECT_TRUE(sibling.Gets(udp(kWeb), kPatience));
  for (const bool guarded : {true, false}) {
    if (!guarded) Unguard();
    const network::Traffic before = Counted();
    uint64_t sent = 0;
    for (const char* from : {kDb, kGateway, kRival, "2001:db8::1", "fe80::5054:ff:fed5:403",
                             "fd12:3456:78d5:500:5054:ff:fed5:402"}) {
      sender.Send(udp(from));
      EXPECT_FALSE(sibling.Gets(udp(from), kMilliseconds)) << from << ", guarded: " << guarded;
      ++sent;
    }
    EXPECT_GE(Counted().spoofed, before.spoofed + sent) << "guarded: " << guarded;
  }
}

TEST_F(Ipv6Test, LetsNoMachineBeADhcpServerByWhicheverPort) {
  RawPort sender(*web_), sibling(*db_);
  const auto udp = [](int from, int to) {
    return EthernetFrame(kDbMac, kWebMac, "86dd",
                         Ipv6Payload(kWeb, kDb, IPPROTO_UDP, UdpPayload(from, to)));
  };
  for (const bool guarded : {true, false}) {
    if (!guarded) Unguard();
    sender.Send(udp(546, 547));
    EXPECT_TRUE(sibling.Gets(udp(546, 547), kPatience)) << "a client, guarded: " << guarded;
    const network::Traffic before = Counted();
    for (const int from : {547, 1000}) {
      sender.Send(udp(from, 546));
      EXPECT_FALSE(sibling.Gets(udp(from, 546), kMilliseconds)) << from << ", " << guarded;
    }
    EXPECT_GE(Counted().spoofed, before.spoofed + 2) << "guarded: " << guarded;
  }
}

TEST_F(Ipv6Test, DropsLiesOfNeighboursWithAndWithoutTheGuard) {
  RawPort sender(*web_), sibling(*db_);
  const auto advertisement = [](const std::string& target) {
    return EthernetFrame(
        "33:33:00:00:00:01", kWebMac, "86dd",
        Ipv6Payload(kWeb, "ff02::1", IPPROTO_ICMPV6,
                    Hex("88 00 0000 00000000") + Hex(target) + Hex("02 01 525400d50402")));
  };
  const std::string own = advertisement("fd12345678d50400 505400fffed50402");
  for (const bool guarded : {true, false}) {
    if (!guarded) Unguard();
    sender.Send(own);
    EXPECT_TRUE(sibling.Gets(own, kPatience)) << "guarded: " << guarded;
    const network::Traffic before = Counted();
    for (const char* target :
         {"fd12345678d50400 505400fffed50403", "fd12345678d50400 0000000000000001"}) {
      const std::string lie = advertisement(target);
      sender.Send(lie);
      EXPECT_FALSE(sibling.Gets(lie, kMilliseconds)) << target << ", guarded: " << guarded;
    }
    EXPECT_GE(Counted().spoofed, before.spoofed + 2) << "guarded: " << guarded;
  }
}

// Who asks so whether an address is free and hears of another that does, takes it for taken.
TEST_F(Ipv6Test, LetsNoMachineClaimAnothersAddress) {
  RawPort sender(*web_), sibling(*db_);
  const auto claim = [](const std::string& target) {
    return EthernetFrame(
        "33:33:00:00:00:01", kWebMac, "86dd",
        Ipv6Payload("::", "ff02::1", IPPROTO_ICMPV6, Hex("87 00 0000 00000000") + Hex(target)));
  };
  for (const bool guarded : {true, false}) {
    if (!guarded) Unguard();
    for (const char* own :
         {"fd12345678d50400 505400fffed50402", "fe80000000000000 505400fffed50402"}) {
      sender.Send(claim(own));
      EXPECT_TRUE(sibling.Gets(claim(own), kPatience)) << own << ", guarded: " << guarded;
    }
    const network::Traffic before = Counted();
    for (const char* target :
         {"fd12345678d50400 505400fffed50403", "fd12345678d50400 0000000000000001",
          "fe80000000000000 505400fffed50403"}) {
      sender.Send(claim(target));
      EXPECT_FALSE(sibling.Gets(claim(target), kMilliseconds)) << target << ", " << guarded;
    }
    EXPECT_GE(Counted().spoofed, before.spoofed + 3) << "guarded: " << guarded;
  }
}

// One program of the host's answers all tenants.
TEST_F(Ipv6Test, LimitsATenantsRouterSolicitationsAndNoOthers) {
  const auto solicit = [](const char* from, const char* mac, const char* option) {
    return EthernetFrame(
        "33:33:00:00:00:01", mac, "86dd",
        Ipv6Payload(from, "ff02::1", IPPROTO_ICMPV6, Hex("85 00 0000 00000000") + Hex(option)));
  };
  constexpr int kFlood = 2000, kFew = 20;
  const network::Traffic before = Counted(kAcme), others_before = Counted(kGlobex);
  RawPort flooder(*web_), other(*rival_);
  for (int i = 0; i < kFlood; ++i) {
    flooder.Send(solicit("fe80::5054:ff:fed5:402", kWebMac, "01 01 525400d50402"));
    if (i % (kFlood / kFew) == 0) {
      other.Send(solicit("fe80::5054:ff:fed5:502", "52:54:00:d5:05:02", "01 01 525400d50502"));
    }
  }
  EXPECT_GE(Counted(kAcme).refused, before.refused + kFlood / 2);
  EXPECT_GE(Counted(kGlobex).accepted, others_before.accepted + kFew);
  EXPECT_EQ(Counted(kGlobex).refused, others_before.refused);
}

TEST_F(Ipv6Test, TellsTheHostItsMachinesAddressesAndForgetsThem) {
  const auto permanent = [this] {
    std::string text;
    host_->Run([&] {
      text = RunOrFail(
          {"/usr/sbin/ip", "-6", "neigh", "show", "dev", "fv-0ad50400", "nud", "permanent"});
    });
    return text;
  };
  for (const char* address : {kWeb, kDb, "fe80::5054:ff:fed5:403"}) {
    EXPECT_NE(permanent().find(std::string(address) + " lladdr 52:54:00:d5:04:0"),
              std::string::npos)
        << permanent();
  }
  host_->Run([this] {
    ASSERT_EQ(kernel_.RemoveMachine(network::BridgeName(kAcme), SpecOf(kAcme).leases[1]),
              absl::OkStatus());
  });
  EXPECT_NE(permanent().find(kWeb), std::string::npos);
  EXPECT_EQ(permanent().find(":403 "), std::string::npos);
}

TEST_F(Ipv6Test, LetsNoAddressOfThePoolOutByAnUplink) {
  host_->Ip("addr add 2001:db8::1/64 dev up0 nodad");
  outside_->Ip("addr add 2001:db8::2/64 dev eth0 nodad");
  host_->Ip(std::string("addr add ") + "fd12:3456:78ff::1/128 dev lo");
  outside_->Ip("route add fd12:3456:7800::/40 via 2001:db8::1");
  ASSERT_TRUE(Arrives(*host_, *outside_, "2001:db8::2"));
  EXPECT_TRUE(IsSilent(*host_, *outside_, "2001:db8::2", kPort, "fd12:3456:78ff::1"));
  // The uplink's program alone is left.
  Load("flush ruleset");
  Unguard();
  EXPECT_TRUE(IsSilent(*web_, *outside_, "2001:db8::2"));
  host_->Run([] { RunOrFail({"/usr/sbin/tc", "qdisc", "del", "dev", "up0", "clsact"}); });
  EXPECT_TRUE(Arrives(*web_, *outside_, "2001:db8::2")) << "else that silence proves nothing";
}

}  // namespace
}  // namespace flatvm::integration
