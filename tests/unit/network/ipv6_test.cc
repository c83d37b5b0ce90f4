#include "network/ipv6.h"

#include <gtest/gtest.h>

#include "network/address_pool.h"
#include "network/tenant_networks.h"

namespace flatvm::network {
namespace {

const Ipv6Pool kPool = *ParseIpv6Pool("test", "fd12:3456:7800::/40");
const Ipv4Subnet kSubnet = *ParseIpv4Subnet("test", "10.213.4.0/24");

TEST(Ipv6Pool, PutsTheSubnetsLowBitsBehindItsOwn) {
  const Ipv6Prefix prefix = kPool.PrefixOf(kSubnet);
  EXPECT_EQ(prefix.ToString(), "fd12:3456:78d5:400::/64");
  EXPECT_TRUE(kPool.Contains(prefix));
  EXPECT_FALSE(ParseIpv6Pool("test", "fd12:3456:7900::/40")->Contains(prefix));
  EXPECT_NE(prefix, kPool.PrefixOf(*ParseIpv4Subnet("test", "10.213.5.0/24")));
  EXPECT_NE(prefix, kPool.PrefixOf(*ParseIpv4Subnet("test", "10.213.4.8/29")));
}

TEST(Ipv6Address, FollowsFromTheMacOfAMachine) {
  const std::string mac = MacFor({kSubnet.address.value + 2});
  EXPECT_EQ(AddressOf(kPool.PrefixOf(kSubnet), mac).ToString(),
            "fd12:3456:78d5:400:5054:ff:fed5:402");
  EXPECT_EQ(AddressOf(kLinkLocal, mac).ToString(), "fe80::5054:ff:fed5:402");
  EXPECT_EQ(LinkLocalGateway(kSubnet).ToString(), "fe80::5054:ff:fed5:401");
  EXPECT_EQ(kPool.PrefixOf(kSubnet).Gateway().ToString(), "fd12:3456:78d5:400::1");
}

TEST(Ipv6Pool, IsParsedStrictly) {
  EXPECT_EQ(kPool.ToString(), "fd12:3456:7800::/40");
  for (const char* text :
       {"", "auto", "fd12:3456:7800::", "fd12:3456:7800::/48", "fd12:3456:7801::/40",
        "2001:db8::/40", "fc12:3456:7800::/40", "10.213.0.0/16", "fd12:3456:7800::/40 ", "/40"}) {
    const auto pool = ParseIpv6Pool("network.ipv6_pool", text);
    EXPECT_EQ(pool.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(Ipv6Prefix, IsParsedStrictly) {
  EXPECT_EQ(ParseIpv6Prefix("test", "fd12:3456:78d5:400::/64")->ToString(),
            "fd12:3456:78d5:400::/64");
  for (const char* text : {"", "fd12:3456:78d5:400::1/64", "fd12:3456:78d5:400::/63", "x/64"}) {
    EXPECT_FALSE(ParseIpv6Prefix("test", text).ok()) << text;
  }
}

}  // namespace
}  // namespace flatvm::network
