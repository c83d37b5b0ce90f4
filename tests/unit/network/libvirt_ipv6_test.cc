// LibvirtNetworks on libvirt's in-memory driver: networks with an IPv6 prefix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/virterror.h>

#include <algorithm>
#include <memory>

#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/handles.h"
#include "network/libvirt_networks.h"
#include "network/network_xml.h"
#include "tests/fakes/network_world.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LibvirtIpv6Test : public ::testing::Test {
 protected:
  libvirt::NetworkPtr Find(const char* name) {
    return libvirt::NetworkPtr(virNetworkLookupByName(connection_.Get()->get(), name));
  }
  NetworkDescription Describe(const char* name) {
    const libvirt::NetworkPtr network = Find(name);
    const libvirt::TextPtr xml(virNetworkGetXMLDesc(network.get(), 0));
    return *ParseNetworkXml(xml.get());
  }
  NetworkSpec AcmeWithPrefix(const char* prefix = "fd12:3456:78d5:400::/64") {
    NetworkSpec spec = acme_;
    spec.prefix = *ParseIpv6Prefix("test", prefix);
    return spec;
  }
  const NetworkSpec acme_{
      .tenant = "acme",
      .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24"),
      .leases = {{.hostname = "primary", .mac = "52:54:00:d5:04:02", .address = {0x0AD50402U}}}};
  fakes::NetworkWorld world_;
  fakes::FakeLog& log_ = world_.log;
  fakes::FakeHostNetwork& host_ = world_.host;
  libvirt::Connection& connection_ = world_.connection;
  LibvirtNetworks& networks_ = world_.networks;
};

TEST_F(LibvirtIpv6Test, WritesXmlThatLibvirtsSchemaAccepts) {
  const libvirt::NetworkPtr network(
      virNetworkCreateXMLFlags(connection_.Get()->get(), BuildNetworkXml(AcmeWithPrefix()).c_str(),
                               VIR_NETWORK_CREATE_VALIDATE));
  EXPECT_NE(network, nullptr) << virGetLastErrorMessage();
}

TEST_F(LibvirtIpv6Test, ReplacesANetworkOfAnotherPrefixOrNone) {
  host_.SetBridgeState(BridgeName(acme_.subnet), BridgeState::kFree);
  for (const NetworkSpec& spec :
       {acme_, AcmeWithPrefix(), AcmeWithPrefix("fd12:3456:99d5:400::/64"), acme_}) {
    ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
    EXPECT_EQ(Describe("flatvm-acme").prefix, spec.prefix);
    EXPECT_TRUE(Matches(Describe("flatvm-acme"), spec));
  }
  host_.SetBridgeState(BridgeName(acme_.subnet), BridgeState::kInUse);
  EXPECT_EQ(networks_.EnsureNetwork(AcmeWithPrefix()).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Describe("flatvm-acme").prefix, std::nullopt);
}

TEST_F(LibvirtIpv6Test, DoesWithoutThePrefixWhereTheKernelHasNoIpv6) {
  host_.LoseIpv6();
  ASSERT_EQ(networks_.EnsureNetwork(AcmeWithPrefix()), absl::OkStatus());
  const NetworkDescription live = Describe("flatvm-acme");
  EXPECT_EQ(live.prefix, std::nullopt);
  EXPECT_FALSE(world_.programs.running().contains("advertisements"));
  EXPECT_THAT(host_.prefixes(), IsEmpty()) << "of filter and guard";
  // Machines are on it: it is as it can be, and stays.
  EXPECT_EQ(networks_.EnsureNetwork(AcmeWithPrefix()), absl::OkStatus());
  const auto lines = log_.Lines();
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const auto& line) {
                            return line.message.find("the kernel has no IPv6") != std::string::npos;
                          }),
            1);
}

TEST_F(LibvirtIpv6Test, SaysNothingOfIpv6WhereNoneIsAskedFor) {
  host_.LoseIpv6();
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_FALSE(log_.Has("IPv6"));
}

TEST_F(LibvirtIpv6Test, RemovesTheFilterOfThePrefixThatItIsGiven) {
  const NetworkSpec spec = AcmeWithPrefix();
  ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
  ASSERT_EQ(host_.prefixes().at(spec.subnet), spec.prefix);
  ASSERT_EQ(networks_.RemoveNetwork(spec), absl::OkStatus());
  EXPECT_THAT(host_.prefixes(), IsEmpty());
}

}  // namespace
}  // namespace flatvm::network
