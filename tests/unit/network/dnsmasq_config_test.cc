#include "network/dnsmasq/dnsmasq_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/str_cat.h"
#include "tests/unit/network/acme_spec.h"

namespace flatvm::network {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

NetworkSpec AcmeWithPrefix() {
  NetworkSpec spec = Acme();
  spec.prefix = *ParseIpv6Prefix("test", "fd12:3456:78d5:400::/64");
  return spec;
}

std::string ConfigOf(NetworkMode mode) {
  NetworkSpec spec = Acme();
  spec.mode = mode;
  return BuildDnsmasqConfig(spec, "/run/x");
}

TEST(DnsmasqConfig, IsTheGoldenOne) {
  EXPECT_EQ(BuildDnsmasqConfig(Acme(), "/run/x"), R"(# Written by flatvmd, which renews it.
user=root
group=root
pid-file=
log-facility=-
quiet-dhcp
quiet-ra
no-hosts
domain-needed
except-interface=lo
interface=fv-0ad50400
bind-interfaces
strict-order
domain=acme.internal
local=/acme.internal/
addn-hosts=/run/x/names
leasefile-ro
dhcp-authoritative
dhcp-no-override
no-ping
dhcp-range=10.213.4.0,static,255.255.255.0,1h
dhcp-lease-max=256
dhcp-hostsfile=/run/x/hosts
resolv-file=/run/x/resolv.conf
)");
}

TEST(DnsmasqConfig, TellsMachinesOfTheirWayOut) {
  EXPECT_THAT(ConfigOf(NetworkMode::kNat), Not(HasSubstr("option:router")));
  EXPECT_THAT(ConfigOf(NetworkMode::kIsolated),
              EndsWith("hosts\nno-resolv\ndhcp-option=option:router\n"));
  EXPECT_THAT(ConfigOf(NetworkMode::kViaPrimary),
              EndsWith("hosts\nno-resolv\ndhcp-mac=set:primary,52:54:00:d5:04:02\n"
                       "dhcp-option=tag:!primary,option:router,10.213.4.2\n"));
}

TEST(DnsmasqConfig, AsksTheHostsResolversOnlyForMachinesThatMayLeave) {
  for (const NetworkMode mode :
       {NetworkMode::kNat, NetworkMode::kIsolated, NetworkMode::kViaPrimary}) {
    NetworkSpec spec = Acme();
    spec.mode = mode;
    EXPECT_EQ(AsksResolvers(spec), ConfigOf(mode).find("resolv-file=") != std::string::npos);
    EXPECT_EQ(AsksResolvers(spec), ConfigOf(mode).find("no-resolv") == std::string::npos);
  }
}

TEST(DnsmasqConfig, TellsMachinesOfAnMtuThatIsNotEthernets) {
  NetworkSpec spec = Acme();
  EXPECT_THAT(BuildDnsmasqConfig(spec, "/x"), Not(HasSubstr("mtu")));
  spec.mtu = 1400;
  EXPECT_THAT(BuildDnsmasqConfig(spec, "/x"), HasSubstr("\ndhcp-option=option:mtu,1400\n"));
}

TEST(DnsmasqConfig, OfAFurtherNetworkHasItsDomain) {
  NetworkSpec spec = Acme();
  spec.network = "storage";
  const std::string config = BuildDnsmasqConfig(spec, "/x");
  EXPECT_THAT(config, HasSubstr("\ndomain=storage.acme.internal\n"));
  EXPECT_THAT(config, HasSubstr("\nlocal=/storage.acme.internal/\n"));
}

TEST(DnsmasqConfig, IsTheSameWhateverMachinesThereAre) {
  NetworkSpec none = AcmeWithPrefix();
  none.leases.clear();
  EXPECT_EQ(BuildDnsmasqConfig(none, "/x"), BuildDnsmasqConfig(Acme(), "/x"));
}

TEST(DnsmasqConfig, HasALineForEachMachine) {
  EXPECT_EQ(BuildDhcpHosts(Acme()),
            "52:54:00:d5:04:02,10.213.4.2,primary.acme.internal\n"
            "52:54:00:d5:04:03,10.213.4.3,web-1.acme.internal\n");
  NetworkSpec none = Acme();
  none.leases.clear();
  EXPECT_EQ(BuildDhcpHosts(none), "");
  EXPECT_EQ(BuildNames(none), "");
}

// "mac,ip,ignore" would make dnsmasq deaf to the machine, "mac,ip,60m" nameless: never bare names.
TEST(DnsmasqConfig, QualifiesNamesThatDnsmasqTakesForKeywords) {
  for (const char* name : {"ignore", "infinite", "60m", "12"}) {
    NetworkSpec spec = Acme();
    spec.leases = {Web()};
    spec.leases[0].hostname = name;
    EXPECT_EQ(BuildDhcpHosts(spec),
              base::StrCat("52:54:00:d5:04:03,10.213.4.3,", name, ".acme.internal\n"));
  }
}

TEST(DnsmasqConfig, NamesMachinesAddressesAlsoInThePrefix) {
  EXPECT_EQ(BuildNames(Acme()),
            "10.213.4.2 primary.acme.internal primary\n"
            "10.213.4.3 web-1.acme.internal web-1\n");
  EXPECT_EQ(BuildNames(AcmeWithPrefix()),
            "10.213.4.2 primary.acme.internal primary\n"
            "fd12:3456:78d5:400:5054:ff:fed5:402 primary.acme.internal primary\n"
            "10.213.4.3 web-1.acme.internal web-1\n"
            "fd12:3456:78d5:400:5054:ff:fed5:403 web-1.acme.internal web-1\n");
}

TEST(DnsmasqConfig, AdvertisesPrefixesButNeitherARouterNorADnsServer) {
  const std::string config = BuildAdvertiserConfig();
  EXPECT_THAT(config, HasSubstr("\nport=0\n")) << "it serves nothing else";
  EXPECT_THAT(config, HasSubstr("\ndhcp-range=::,constructor:fv-*,ra-only,64\n"));
  EXPECT_THAT(config, HasSubstr("\nra-param=fv-*,600,0\n"));
  EXPECT_THAT(config, HasSubstr("\ndhcp-option=option6:dns-server\n"));
}

}  // namespace
}  // namespace flatvm::network
