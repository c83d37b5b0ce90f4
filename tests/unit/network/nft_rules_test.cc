#include "network/nft_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "network/nft_base_ruleset.h"

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
  const std::string text = BuildRestore({"eth0"}, {{.subnet = Subnet()}});
  for (const char* set : {"sources", "gateways", "hairpins", "exits", "routed", "accepted_of",
                          "spoofed_of", "refused_of"}) {
    const std::string kind = std::string(set).ends_with("_of") ? "map" : "set";
    const size_t flushed = text.find("flush " + kind + " inet flatvm " + set);
    const size_t added = text.find(std::string("add element inet flatvm ") + set);
    ASSERT_NE(flushed, std::string::npos) << set;
    EXPECT_LT(flushed, added) << set;
  }
  EXPECT_THAT(text, Not(HasSubstr("delete table")));
  EXPECT_THAT(BuildAnew({"eth0"}, {{.subnet = Subnet()}}),
              ::testing::StartsWith("add table inet flatvm\ndelete table inet flatvm\n"));
}

TEST(TenantElements, AreKeyedByTheTenantsBridge) {
  EXPECT_EQ(BuildAddTenant({.subnet = Subnet()}),
            "add counter inet flatvm accepted-fv-0ad50400\n"
            "add counter inet flatvm spoofed-fv-0ad50400\n"
            "add counter inet flatvm refused-fv-0ad50400\n"
            "add limit inet flatvm solicitations-fv-0ad50400"
            " { rate over 10/second burst 300 packets }\n"
            "add element inet flatvm sources { \"fv-0ad50400\" . 10.213.4.0/24 }\n"
            "add element inet flatvm gateways { \"fv-0ad50400\" . 10.213.4.1 }\n"
            "add element inet flatvm hairpins { \"fv-0ad50400\" . \"fv-0ad50400\" }\n"
            "add element inet flatvm accepted_of { \"fv-0ad50400\" : \"accepted-fv-0ad50400\" }\n"
            "add element inet flatvm spoofed_of { \"fv-0ad50400\" : \"spoofed-fv-0ad50400\" }\n"
            "add element inet flatvm refused_of { \"fv-0ad50400\" : \"refused-fv-0ad50400\" }\n"
            "add element inet flatvm solicitations_of"
            " { \"fv-0ad50400\" : \"solicitations-fv-0ad50400\" }\n"
            "add element inet flatvm exits { \"fv-0ad50400\" }\n"
            "add element inet flatvm routed { \"fv-0ad50400\" }\n"
            "delete element inet flatvm routed { \"fv-0ad50400\" }\n");
}

TEST(TenantElements, SayWhoMayLeaveByTheMode) {
  const std::string all = "add element inet flatvm exits { \"fv-0ad50400\" }\n";
  const std::string bridge = "add element inet flatvm routed { \"fv-0ad50400\" }\n";
  const std::string one = "add element inet flatvm routers { \"fv-0ad50400\" . 10.213.4.2 }\n";
  const std::string not_all = "delete" + all.substr(3);
  const std::string not_bridge = "delete" + bridge.substr(3);
  const std::string not_one = "delete" + one.substr(3);
  const auto ways = [](NetworkMode mode) {
    const std::string text =
        BuildAddTenant({.subnet = Subnet(), .mode = mode, .primary = {0x0AD50402U}});
    return text.substr(text.find("add element inet flatvm exits"));
  };
  // What another mode left there goes, whether or not it is there.
  EXPECT_EQ(ways(NetworkMode::kNat), all + bridge + not_bridge + one + not_one);
  EXPECT_EQ(ways(NetworkMode::kViaPrimary), all + not_all + bridge + one);
  EXPECT_EQ(ways(NetworkMode::kIsolated), all + not_all + bridge + not_bridge + one + not_one);
}

constexpr const char* kIpv6Elements[] = {"dual { \"fv-0ad50400\" }",
                                         "sources6 { \"fv-0ad50400\" . fd12:3456:78d5:400::/64 }",
                                         "sources6 { \"fv-0ad50400\" . fe80::/64 }",
                                         "gateways6 { \"fv-0ad50400\" . fd12:3456:78d5:400::1 }",
                                         "gateways6 { \"fv-0ad50400\" . fe80::5054:ff:fed5:401 }"};

TenantRules Dual() {
  return {.subnet = Subnet(), .prefix = *ParseIpv6Prefix("test", "fd12:3456:78d5:400::/64")};
}

TEST(TenantElements, AreThoseOfIpv6WhereThereIsAPrefix) {
  for (const std::string element : kIpv6Elements) {
    EXPECT_THAT(BuildAddTenant(Dual()), HasSubstr("add element inet flatvm " + element + "\n"));
    EXPECT_THAT(BuildAddTenant(Dual()), Not(HasSubstr("delete element inet flatvm " + element)));
    EXPECT_THAT(BuildAddTenant({.subnet = Subnet()}), Not(HasSubstr(element)));
  }
}

TEST(TenantElements, OfIpv6AreRemovedOneByOneAndNotRefused) {
  const std::string text = BuildRemoveTenant(Dual());
  for (const std::string element : kIpv6Elements) {
    const size_t added = text.find("add element inet flatvm " + element + "\n");
    const size_t deleted = text.find("delete element inet flatvm " + element + "\n");
    ASSERT_NE(deleted, std::string::npos) << element;
    EXPECT_LT(added, deleted) << element;
    EXPECT_THAT(BuildRemoveTenant({.subnet = Subnet()}), Not(HasSubstr(element)));
  }
}

TEST(RestoredRuleset, HasIpv6ElementsOfTheTenantsOnly) {
  const std::string text = BuildRestore({"eth0"}, {Dual()});
  for (const std::string element : kIpv6Elements) {
    const std::string set = element.substr(0, element.find(' '));
    const size_t flushed = text.find("flush set inet flatvm " + set + "\n");
    const size_t added = text.find("add element inet flatvm " + element + "\n");
    ASSERT_NE(added, std::string::npos) << element;
    EXPECT_LT(flushed, added) << set;
    EXPECT_THAT(BuildRestore({"eth0"}, {}), HasSubstr("flush set inet flatvm " + set + "\n"));
  }
}

TEST(TenantElements, AreRemovedOneByOneAndNotRefused) {
  const std::string text = BuildRemoveTenant({.subnet = Subnet()});
  for (const char* set : {"sources", "gateways", "hairpins", "exits", "routed", "accepted_of",
                          "spoofed_of", "refused_of", "solicitations_of"}) {
    const size_t added = text.find(std::string("add element inet flatvm ") + set);
    const size_t deleted = text.find(std::string("delete element inet flatvm ") + set);
    EXPECT_NE(deleted, std::string::npos) << set;
    EXPECT_LT(added, deleted) << set;
  }
  EXPECT_THAT(text, HasSubstr("delete limit inet flatvm solicitations-fv-0ad50400\n"));
  EXPECT_THAT(text, Not(HasSubstr("flush")));
}

TEST(TenantCounters, AreReadFromAListing) {
  const char* const listing =
      "table inet flatvm {\n\tcounter accepted-fv-0ad50400 {\n\t\tpackets 5 bytes 420\n\t}\n}\n"
      "table inet flatvm {\n\tcounter refused-fv-0ad50400 {\n\t\tpackets 18446744073709551615 "
      "bytes 1\n\t}\n}\n";
  EXPECT_EQ(ParseCounters(listing, Subnet()),
            (Traffic{.accepted = 5, .spoofed = 0, .refused = UINT64_MAX}));
  EXPECT_EQ(ParseCounters("", Subnet()), Traffic{});
  EXPECT_EQ(ParseCounters("counter accepted-fv-0ad50400 {", Subnet()), Traffic{});
}

}  // namespace
}  // namespace flatvm::network
