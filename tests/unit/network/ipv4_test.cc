#include "network/ipv4.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"

namespace flatvm::network {
namespace {

TEST(Ipv4Address, ReadsAndWritesDottedQuads) {
  for (const char* text : {"0.0.0.0", "10.213.4.2", "255.255.255.255", "1.20.100.9"}) {
    const auto address = ParseIpv4Address("address", text);
    ASSERT_TRUE(address.ok()) << text;
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ParseIpv4Address("address", "10.213.4.2")->value, 0x0AD50402U);
}

TEST(Ipv4Address, RefusesEverythingElseNamingTheField) {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.4 ", " 1.2.3.4", "1.2.3.256", "1.2.3.04", "01.2.3.4",
        "1..3.4", ".1.2.3", "1.2.3.", "-1.2.3.4", "+1.2.3.4", "0x1.2.3.4", "1.2.3.a",
        "1.2.3.99999999999", "1.2.3.4/24", "::1"}) {
    const auto address = ParseIpv4Address("gateway", text);
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(base::GetErrorInfo(address.status()).reason, base::Reason::kFieldMalformed) << text;
    EXPECT_EQ(base::GetErrorInfo(address.status()).field, "gateway") << text;
  }
}

TEST(Ipv4Subnet, ReadsAndWritesPrefixNotation) {
  for (const char* text :
       {"0.0.0.0/0", "10.0.0.0/8", "10.213.4.0/24", "10.213.4.248/29", "255.255.255.255/32"}) {
    const auto subnet = ParseIpv4Subnet("pool", text);
    ASSERT_TRUE(subnet.ok()) << text;
    EXPECT_EQ(subnet->ToString(), text);
  }
}

TEST(Ipv4Subnet, RefusesEverythingElseNamingTheField) {
  for (const char* text : {"", "/", "10.0.0.0", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/08",
                           "10.0.0.0/-1", "10.0.0.0/8 ", "10.0.0.0/8/8", "10.0.0.1/8",
                           "10.213.4.0/21", "1.0.0.0/0", "10.0.0/8", "10.0.0.0/255.0.0.0"}) {
    const auto subnet = ParseIpv4Subnet("subnet_pool", text);
    EXPECT_EQ(subnet.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(base::GetErrorInfo(subnet.status()).reason, base::Reason::kFieldMalformed) << text;
    EXPECT_EQ(base::GetErrorInfo(subnet.status()).field, "subnet_pool") << text;
  }
}

TEST(Ipv4Subnet, KnowsItsBounds) {
  const Ipv4Subnet subnet = *ParseIpv4Subnet("", "10.213.4.0/22");
  EXPECT_EQ(subnet.Netmask(), "255.255.252.0");
  EXPECT_EQ(subnet.size(), 1024U);
  EXPECT_EQ(subnet.Gateway().ToString(), "10.213.4.1");
  EXPECT_TRUE(subnet.Contains(*ParseIpv4Address("", "10.213.4.0")));
  EXPECT_TRUE(subnet.Contains(*ParseIpv4Address("", "10.213.7.255")));
  EXPECT_FALSE(subnet.Contains(*ParseIpv4Address("", "10.213.8.0")));
  EXPECT_FALSE(subnet.Contains(*ParseIpv4Address("", "10.213.3.255")));
}

TEST(Ipv4Subnet, KnowsTheBoundsOfTheWidestAndTheNarrowest) {
  const Ipv4Subnet everything = *ParseIpv4Subnet("", "0.0.0.0/0");
  EXPECT_EQ(everything.Netmask(), "0.0.0.0");
  EXPECT_EQ(everything.size(), uint64_t{1} << 32U);
  EXPECT_TRUE(everything.Contains(Ipv4Address{0xFFFFFFFFU}));
  const Ipv4Subnet one = *ParseIpv4Subnet("", "10.0.0.1/32");
  EXPECT_EQ(one.Netmask(), "255.255.255.255");
  EXPECT_EQ(one.size(), 1U);
  EXPECT_FALSE(one.Contains(*ParseIpv4Address("", "10.0.0.0")));
}

}  // namespace
}  // namespace flatvm::network
