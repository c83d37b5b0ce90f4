#include "network/network_xml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/network/acme_spec.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NetworkXml, IsTheGoldenOne) {
  EXPECT_EQ(BuildNetworkXml(Acme()), R"(<network>
  <name>flatvm-acme</name>
  <metadata>
    <flatvm:network xmlns:flatvm="https://flatvm.dev/xmlns/libvirt/1" tenant="acme" mode="nat" />
  </metadata>
  <forward mode="open" />
  <bridge name="fv-0ad50400" stp="off" delay="0" />
  <mac address="52:54:00:d5:04:01" />
  <domain name="acme.internal" localOnly="yes" />
  <ip address="10.213.4.1" netmask="255.255.255.0">
    <dhcp>
      <host mac="52:54:00:d5:04:02" name="primary.acme.internal" ip="10.213.4.2" />
      <host mac="52:54:00:d5:04:03" name="web-1.acme.internal" ip="10.213.4.3" />
    </dhcp>
  </ip>
</network>
)");
}

NetworkSpec AcmeWithPrefix() {
  NetworkSpec spec = Acme();
  spec.prefix = *ParseIpv6Prefix("test", "fd12:3456:78d5:400::/64");
  return spec;
}

// The element of dnsmasq's options, with its lines apart.
std::string OptionsOf(const NetworkSpec& spec) {
  const std::string xml = BuildNetworkXml(spec);
  const size_t begin = xml.find("  <dnsmasq:options>");
  return begin == std::string::npos ? "" : xml.substr(begin);
}

std::string OptionsOf(NetworkMode mode) {
  NetworkSpec spec = Acme();
  spec.mode = mode;
  return OptionsOf(spec);
}

TEST(NetworkXml, TellsMachinesOfTheirWayOut) {
  EXPECT_EQ(OptionsOf(NetworkMode::kNat), "");
  EXPECT_EQ(OptionsOf(NetworkMode::kIsolated), R"(  <dnsmasq:options>
    <dnsmasq:option value="no-resolv" />
    <dnsmasq:option value="dhcp-option=3" />
  </dnsmasq:options>
</network>
)");
  EXPECT_EQ(OptionsOf(NetworkMode::kViaPrimary), R"(  <dnsmasq:options>
    <dnsmasq:option value="no-resolv" />
    <dnsmasq:option value="dhcp-mac=set:primary,52:54:00:d5:04:02" />
    <dnsmasq:option value="dhcp-option=tag:!primary,3,10.213.4.2" />
  </dnsmasq:options>
</network>
)");
}

TEST(NetworkXml, AdvertisesAPrefixButNeitherARouterNorADnsServer) {
  EXPECT_EQ(OptionsOf(AcmeWithPrefix()), R"(  <dnsmasq:options>
    <dnsmasq:option value="enable-ra" />
    <dnsmasq:option value="dhcp-option=option6:dns-server" />
    <dnsmasq:option value="dhcp-range=fd12:3456:78d5:400::,ra-only,64" />
    <dnsmasq:option value="ra-param=fv-0ad50400,600,0" />
  </dnsmasq:options>
</network>
)");
  NetworkSpec isolated = AcmeWithPrefix();
  isolated.mode = NetworkMode::kIsolated;
  EXPECT_NE(OptionsOf(isolated).find("no-resolv"), std::string::npos);
  EXPECT_NE(OptionsOf(isolated).find("enable-ra"), std::string::npos);
}

TEST(NetworkXml, NamesMachinesAddressesInThePrefix) {
  const std::string xml = BuildNetworkXml(AcmeWithPrefix());
  EXPECT_NE(xml.find(R"(
  <dns>
    <host ip="fd12:3456:78d5:400:5054:ff:fed5:402">
      <hostname>primary.acme.internal</hostname>
    </host>
    <host ip="fd12:3456:78d5:400:5054:ff:fed5:403">
      <hostname>web-1.acme.internal</hostname>
    </host>
  </dns>
)"),
            std::string::npos)
      << xml;
  NetworkSpec empty = AcmeWithPrefix();
  empty.leases.clear();
  EXPECT_EQ(BuildNetworkXml(empty).find("<dns>"), std::string::npos);
  EXPECT_EQ(BuildNetworkXml(Acme()).find("<dns>"), std::string::npos);
}

TEST(NetworkXml, WithAPrefixIsReadBackAsItWasWritten) {
  const NetworkSpec spec = AcmeWithPrefix();
  const auto read = ParseNetworkXml(BuildNetworkXml(spec));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->prefix, spec.prefix);
  EXPECT_THAT(read->named, ElementsAre(AddressOf(*spec.prefix, Primary().mac),
                                       AddressOf(*spec.prefix, Web().mac)));
  EXPECT_TRUE(MatchesExceptLeases(*read, spec));
}

TEST(NetworkXml, OfAnotherPrefixDoesNotMatch) {
  NetworkSpec other = AcmeWithPrefix();
  other.prefix->bytes[0] = 0xFC;
  const NetworkDescription with = *ParseNetworkXml(BuildNetworkXml(AcmeWithPrefix()));
  const NetworkDescription without = *ParseNetworkXml(BuildNetworkXml(Acme()));
  EXPECT_FALSE(MatchesExceptLeases(with, other));
  EXPECT_FALSE(MatchesExceptLeases(with, Acme()));
  EXPECT_FALSE(MatchesExceptLeases(without, AcmeWithPrefix()));
}

TEST(NetworkXml, HasNoDhcpWithoutLeases) {
  NetworkSpec spec = Acme();
  spec.leases.clear();
  EXPECT_EQ(BuildNetworkXml(spec).find("dhcp"), std::string::npos);
}

TEST(NetworkXml, IsReadBackAsItWasWritten) {
  const auto read = ParseNetworkXml(BuildNetworkXml(Acme()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->tenant, "acme");
  EXPECT_THAT(read->leases, ElementsAre(Primary(), Web()));
  EXPECT_TRUE(MatchesExceptLeases(*read, Acme()));
}

TEST(NetworkXml, OfAFurtherNetworkIsReadBackAsItWasWritten) {
  NetworkSpec storage = Acme();
  storage.network = "storage";
  storage.leases = {Web()};
  const std::string xml = BuildNetworkXml(storage);
  EXPECT_NE(xml.find("<name>flatvm-acme.storage</name>"), xml.npos) << xml;
  EXPECT_NE(xml.find("name=\"web-1.storage.acme.internal\""), xml.npos) << xml;
  const auto read = ParseNetworkXml(xml);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->Id(), (NetworkId{"acme", "storage"}));
  EXPECT_THAT(read->leases, ElementsAre(Web()));
  EXPECT_TRUE(MatchesExceptLeases(*read, storage));
  EXPECT_FALSE(MatchesExceptLeases(*read, Acme()));
  EXPECT_FALSE(MatchesExceptLeases(*ParseNetworkXml(BuildNetworkXml(Acme())), storage));
}

TEST(NetworkXml, OfAnotherShapeDoesNotMatch) {
  const NetworkDescription same = *ParseNetworkXml(BuildNetworkXml(Acme()));
  NetworkDescription other = same;
  other.tenant = "globex";
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
  other = same;
  other.bridge = "virbr0";
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
  other = same;
  other.forward_mode = "nat";
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
  other = same;
  other.mode = "isolated";
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
  other = same;
  other.domain = "example.org";
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
  other = same;
  other.gateway.value += 1;
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
  other = same;
  other.netmask = "255.255.0.0";
  EXPECT_FALSE(MatchesExceptLeases(other, Acme()));
}

TEST(NetworkXml, WithoutOurMetadataIsNobodysTenant) {
  for (const char* metadata :
       {"", "<metadata/>", "<metadata><network tenant='acme'/></metadata>",
        "<metadata><flatvm:network xmlns:flatvm='https://elsewhere' tenant='acme'/></metadata>",
        "<metadata><flatvm:network xmlns:flatvm='https://flatvm.dev/xmlns/libvirt/1' "
        "tenant='../x'/></metadata>",
        "<metadata><flatvm:network xmlns:flatvm='https://flatvm.dev/xmlns/libvirt/1' "
        "tenant='acme' name='../x'/></metadata>"}) {
    const auto read =
        ParseNetworkXml(base::StrCat("<network><name>flatvm-acme</name>", metadata, "</network>"));
    ASSERT_TRUE(read.ok()) << metadata;
    EXPECT_EQ(read->tenant, "") << metadata;
    EXPECT_THAT(read->leases, IsEmpty());
    EXPECT_FALSE(MatchesExceptLeases(*read, Acme()));
  }
}

TEST(NetworkXml, ThatIsNoneIsRefused) {
  for (const char* xml : {"", "<", "<network", "<domain/>", "text"}) {
    EXPECT_EQ(ParseNetworkXml(xml).status().code(), absl::StatusCode::kInternal) << xml;
  }
}

// "mac,ip,ignore" would make dnsmasq deaf to the machine, "mac,ip,60m" nameless: never bare names.
TEST(HostXml, QualifiesNamesThatDnsmasqTakesForKeywords) {
  for (const char* name : {"ignore", "infinite", "60m", "12"}) {
    Lease lease = Web();
    lease.hostname = name;
    EXPECT_EQ(BuildHostXml({"acme"}, lease),
              base::StrCat("<host mac=\"52:54:00:d5:04:03\" name=\"", name,
                           ".acme.internal\" ip=\"10.213.4.3\" />\n"));
  }
}

TEST(HostXml, IsFoundForDeletionByMacAndAddress) {
  EXPECT_EQ(BuildHostMatchXml(Web()), "<host mac=\"52:54:00:d5:04:03\" ip=\"10.213.4.3\" />\n");
}

TEST(NetworkXml, HasAnMtuOnlyIfOneIsSet) {
  NetworkSpec spec{.tenant = "acme", .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24")};
  EXPECT_EQ(BuildNetworkXml(spec).find("<mtu"), std::string::npos);
  spec.mtu = 1400;
  EXPECT_NE(BuildNetworkXml(spec).find("<mtu size=\"1400\" />"), std::string::npos);
}

}  // namespace
}  // namespace flatvm::network
