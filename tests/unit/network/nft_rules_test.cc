#include "network/nft_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"

namespace flatvm::network {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Ipv4Subnet Subnet() { return *ParseIpv4Subnet("test", "10.213.4.0/24"); }

TEST(InterfaceName, TakesWhatKernelsCallInterfaces) {
  for (const char* name :
       {"e", "eth0", "enp0s31f6", "bond0.100", "wg_0", "veth1@if2", "fifteen-is-okay"}) {
    EXPECT_TRUE(CheckInterfaceName("uplink", name).ok()) << name;
  }
}

TEST(InterfaceName, RefusesWhatCouldNotStandBetweenQuotes) {
  for (const char* name : {"", ".", "..", "sixteen-is-too-l", "a b", "a\"b", "a\\b", "a/b", "a*",
                           "a\nb", "a{b", "\xc3\xa9"}) {
    const absl::Status status = CheckInterfaceName("uplink", name);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kFieldMalformed) << name;
    EXPECT_EQ(base::GetErrorInfo(status).field, "uplink") << name;
  }
}

TEST(BaseRuleset, RefillsUplinksAndKeepsTenants) {
  const std::string text = BuildBaseRuleset({"eth0", "eth1"});
  EXPECT_THAT(text, HasSubstr("flush set inet flatvm uplinks\n"
                              "add element inet flatvm uplinks { \"eth0\" }\n"
                              "add element inet flatvm uplinks { \"eth1\" }\n"));
  for (const char* lost : {"flush table", "delete table", "flush set inet flatvm sources",
                           "flush set inet flatvm gateways", "flush set inet flatvm hairpins",
                           "flush ruleset", "reset"}) {
    EXPECT_THAT(text, Not(HasSubstr(lost)));
  }
}

TEST(BaseRuleset, HasNoUplinkElementWithoutUplinks) {
  EXPECT_THAT(BuildBaseRuleset({}), Not(HasSubstr("add element")));
}

TEST(RestoredRuleset, HasTheTenantsAndNoElementOfBefore) {
  const std::string text = BuildRestore({"eth0"}, {Subnet()});
  for (const char* set : {"sources", "gateways", "hairpins"}) {
    const size_t flushed = text.find(std::string("flush set inet flatvm ") + set);
    const size_t added = text.find(std::string("add element inet flatvm ") + set);
    ASSERT_NE(flushed, std::string::npos) << set;
    EXPECT_LT(flushed, added) << set;
  }
  EXPECT_THAT(text, Not(HasSubstr("delete table")));
  EXPECT_THAT(BuildAnew({"eth0"}, {Subnet()}),
              ::testing::StartsWith("add table inet flatvm\ndelete table inet flatvm\n"));
}

TEST(TenantElements, AreKeyedByTheTenantsBridge) {
  EXPECT_EQ(BuildAddTenant(Subnet()),
            "add element inet flatvm sources { \"fv-0ad50400\" . 10.213.4.0/24 }\n"
            "add element inet flatvm gateways { \"fv-0ad50400\" . 10.213.4.1 }\n"
            "add element inet flatvm hairpins { \"fv-0ad50400\" . \"fv-0ad50400\" }\n");
}

TEST(TenantElements, AreRemovedOneByOneAndNotRefused) {
  const std::string text = BuildRemoveTenant(Subnet());
  for (const char* set : {"sources", "gateways", "hairpins"}) {
    const size_t added = text.find(std::string("add element inet flatvm ") + set);
    const size_t deleted = text.find(std::string("delete element inet flatvm ") + set);
    EXPECT_NE(deleted, std::string::npos) << set;
    EXPECT_LT(added, deleted) << set;
  }
  EXPECT_THAT(text, Not(HasSubstr("flush")));
}

}  // namespace
}  // namespace flatvm::network
