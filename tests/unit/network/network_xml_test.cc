#include "network/network_xml.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/network/acme_spec.h"

namespace flatvm::network {
namespace {

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
  <dns enable="no" />
  <ip address="10.213.4.1" netmask="255.255.255.0" />
</network>
)");
}

NetworkSpec AcmeWithPrefix() {
  NetworkSpec spec = Acme();
  spec.prefix = *ParseIpv6Prefix("test", "fd12:3456:78d5:400::/64");
  return spec;
}

TEST(NetworkXml, WithAPrefixIsReadBackAsItWasWritten) {
  const NetworkSpec spec = AcmeWithPrefix();
  const auto read = ParseNetworkXml(BuildNetworkXml(spec));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->prefix, spec.prefix);
  EXPECT_TRUE(Matches(*read, spec));
}

TEST(NetworkXml, OfAnotherPrefixDoesNotMatch) {
  NetworkSpec other = AcmeWithPrefix();
  other.prefix->bytes[0] = 0xFC;
  const NetworkDescription with = *ParseNetworkXml(BuildNetworkXml(AcmeWithPrefix()));
  const NetworkDescription without = *ParseNetworkXml(BuildNetworkXml(Acme()));
  EXPECT_FALSE(Matches(with, other));
  EXPECT_FALSE(Matches(with, Acme()));
  EXPECT_FALSE(Matches(without, AcmeWithPrefix()));
}

TEST(NetworkXml, IsReadBackAsItWasWritten) {
  const auto read = ParseNetworkXml(BuildNetworkXml(Acme()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->tenant, "acme");
  EXPECT_TRUE(Matches(*read, Acme()));
}

TEST(NetworkXml, OfAFurtherNetworkIsReadBackAsItWasWritten) {
  NetworkSpec storage = Acme();
  storage.network = "storage";
  storage.leases = {Web()};
  const std::string xml = BuildNetworkXml(storage);
  EXPECT_NE(xml.find("<name>flatvm-acme.storage</name>"), xml.npos) << xml;
  EXPECT_NE(xml.find("name=\"storage.acme.internal\""), xml.npos) << xml;
  const auto read = ParseNetworkXml(xml);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->Id(), (NetworkId{"acme", "storage"}));
  EXPECT_TRUE(Matches(*read, storage));
  EXPECT_FALSE(Matches(*read, Acme()));
  EXPECT_FALSE(Matches(*ParseNetworkXml(BuildNetworkXml(Acme())), storage));
}

TEST(NetworkXml, OfAnotherShapeDoesNotMatch) {
  const NetworkDescription same = *ParseNetworkXml(BuildNetworkXml(Acme()));
  NetworkDescription other = same;
  other.tenant = "globex";
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.bridge = "virbr0";
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.forward_mode = "nat";
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.mode = "isolated";
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.domain = "example.org";
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.gateway.value += 1;
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.netmask = "255.255.0.0";
  EXPECT_FALSE(Matches(other, Acme()));
  other = same;
  other.served = true;
  EXPECT_FALSE(Matches(other, Acme()));
}

TEST(NetworkXml, SaysWhetherLibvirtServesIt) {
  const auto served = [](const char* parts) {
    return ParseNetworkXml(base::StrCat("<network>", parts, "</network>"))->served;
  };
  EXPECT_TRUE(served("<ip address='10.0.0.1'/>"));
  EXPECT_TRUE(served("<dns enable='yes'/><ip address='10.0.0.1'/>"));
  EXPECT_TRUE(served("<dns enable='no'/><ip address='10.0.0.1'><dhcp/></ip>"));
  EXPECT_FALSE(served("<dns enable='no'/><ip address='10.0.0.1'/>"));
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
    EXPECT_FALSE(Matches(*read, Acme()));
  }
}

TEST(NetworkXml, ThatIsNoneIsRefused) {
  for (const char* xml : {"", "<", "<network", "<domain/>", "text"}) {
    EXPECT_EQ(ParseNetworkXml(xml).status().code(), absl::StatusCode::kInternal) << xml;
  }
}

TEST(NetworkXml, HasAnMtuOnlyIfOneIsSet) {
  NetworkSpec spec{.tenant = "acme", .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24")};
  EXPECT_EQ(BuildNetworkXml(spec).find("<mtu"), std::string::npos);
  spec.mtu = 1400;
  EXPECT_NE(BuildNetworkXml(spec).find("<mtu size=\"1400\" />"), std::string::npos);
  EXPECT_EQ(ParseNetworkXml(BuildNetworkXml(spec))->mtu, 1400U);
}

}  // namespace
}  // namespace flatvm::network
