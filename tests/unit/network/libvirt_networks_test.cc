// LibvirtNetworks on libvirt's in-memory driver: what the contract suite does not ask of every
// implementation.
#include "network/libvirt_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/virterror.h>

#include <memory>

#include "daemon/base/error.h"
#include "daemon/libvirt/connection.h"
#include "daemon/libvirt/handles.h"
#include "network/network_xml.h"
#include "tests/fakes/network_world.h"

namespace flatvm::network {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LibvirtNetworksTest : public ::testing::Test {
 protected:
  libvirt::NetworkPtr Find(const char* name) {
    return libvirt::NetworkPtr(virNetworkLookupByName(connection_.Get()->get(), name));
  }
  NetworkDescription Describe(const char* name) {
    const libvirt::NetworkPtr network = Find(name);
    const libvirt::TextPtr xml(virNetworkGetXMLDesc(network.get(), 0));
    return *ParseNetworkXml(xml.get());
  }
  // A network that flatvm did not make.
  void Define(const char* xml) {
    ASSERT_NE(libvirt::NetworkPtr(virNetworkDefineXML(connection_.Get()->get(), xml)), nullptr);
  }
  absl::Status Failure() { return base::InternalError("ordered"); }

  const NetworkSpec acme_{
      .tenant = "acme",
      .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24"),
      .leases = {{.hostname = "primary", .mac = "52:54:00:d5:04:02", .address = {0x0AD50402U}}}};
  fakes::NetworkWorld world_;
  fakes::FakeHostNetwork& host_ = world_.host;
  libvirt::Connection& connection_ = world_.connection;
  LibvirtNetworks& networks_ = world_.networks;
};

TEST_F(LibvirtNetworksTest, MakesATransientNetworkAsDescribed) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  const NetworkDescription live = Describe("flatvm-acme");
  EXPECT_TRUE(Matches(live, acme_));
  EXPECT_FALSE(live.served) << "by libvirt";
  EXPECT_EQ(virNetworkIsPersistent(Find("flatvm-acme").get()), 0);
  EXPECT_THAT(host_.filters(), ElementsAre(acme_.subnet));
}

TEST_F(LibvirtNetworksTest, WritesXmlThatLibvirtsSchemaAccepts) {
  const libvirt::NetworkPtr network(virNetworkCreateXMLFlags(
      connection_.Get()->get(), BuildNetworkXml(acme_).c_str(), VIR_NETWORK_CREATE_VALIDATE));
  EXPECT_NE(network, nullptr) << virGetLastErrorMessage();
}

TEST_F(LibvirtNetworksTest, MakesNoBridgeThatIsNotFiltered) {
  host_.FailNext("EnsureFilter", Failure());
  EXPECT_EQ(networks_.EnsureNetwork(acme_), Failure());
  EXPECT_EQ(Find("flatvm-acme"), nullptr);
}

TEST_F(LibvirtNetworksTest, GuardsTheBridgeOfANewNetworkAndOfOneThatIsThere) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_THAT(host_.guards(), ElementsAre(acme_.subnet));
  host_.FailNext("EnsureGuard", Failure());
  EXPECT_EQ(networks_.EnsureNetwork(acme_), Failure());
  EXPECT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
}

TEST_F(LibvirtNetworksTest, OpensThePortsOfMachinesThatHaveALease) {
  const std::string bridge = BridgeName(acme_.subnet);
  const Lease web{.hostname = "web", .mac = "52:54:00:d5:04:03", .address = {0x0AD50403U}};
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(host_.machines(bridge), acme_.leases);
  ASSERT_EQ(networks_.AddLease({"acme"}, web), absl::OkStatus());
  EXPECT_THAT(host_.machines(bridge), ElementsAre(acme_.leases[0], web));
  ASSERT_EQ(networks_.RemoveLease({"acme"}, web), absl::OkStatus());
  EXPECT_EQ(host_.machines(bridge), acme_.leases);
}

TEST_F(LibvirtNetworksTest, RemovesTheFilterWithTheNetwork) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks_.RemoveNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(Find("flatvm-acme"), nullptr);
  EXPECT_THAT(host_.filters(), IsEmpty());
}

TEST_F(LibvirtNetworksTest, RemovesTheFilterWhenTheNetworkIsGoneAlready) {
  ASSERT_TRUE(host_.EnsureFilter(acme_).ok());
  ASSERT_EQ(networks_.RemoveNetwork(acme_), absl::OkStatus());
  EXPECT_THAT(host_.filters(), IsEmpty());
}

TEST_F(LibvirtNetworksTest, KeepsALiveNetworkThatIsAsDescribed) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  char before[VIR_UUID_STRING_BUFLEN];
  ASSERT_EQ(virNetworkGetUUIDString(Find("flatvm-acme").get(), before), 0);
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  char after[VIR_UUID_STRING_BUFLEN];
  ASSERT_EQ(virNetworkGetUUIDString(Find("flatvm-acme").get(), after), 0);
  EXPECT_STREQ(before, after);
}

TEST_F(LibvirtNetworksTest, ReplacesAnotherNetworkOnlyIfNoMachineIsAttached) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  NetworkSpec moved = acme_;
  moved.subnet = *ParseIpv4Subnet("test", "10.213.9.0/24");
  moved.leases[0].address = {0x0AD50902U};
  const absl::Status in_use = networks_.EnsureNetwork(moved);
  EXPECT_EQ(in_use.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::GetErrorInfo(in_use).reason, base::Reason::kNetworkInUse);
  EXPECT_TRUE(Matches(Describe("flatvm-acme"), acme_));
  host_.SetBridgeState(BridgeName(acme_.subnet), BridgeState::kFree);
  EXPECT_EQ(networks_.EnsureNetwork(moved), absl::OkStatus());
  EXPECT_TRUE(Matches(Describe("flatvm-acme"), moved));
}

TEST_F(LibvirtNetworksTest, ReplacesANetworkOfAnotherMode) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  NetworkSpec isolated = acme_;
  isolated.mode = NetworkMode::kIsolated;
  host_.SetBridgeState(BridgeName(acme_.subnet), BridgeState::kFree);
  ASSERT_EQ(networks_.EnsureNetwork(isolated), absl::OkStatus());
  EXPECT_TRUE(Matches(Describe("flatvm-acme"), isolated));
  EXPECT_EQ(host_.mode(acme_.subnet), NetworkMode::kIsolated);
}

TEST_F(LibvirtNetworksTest, HasANetworkServedOnceItsBridgeIsGuarded) {
  const std::string bridge = BridgeName(acme_.subnet);
  host_.FailNext("EnsureGuard", Failure());
  ASSERT_EQ(networks_.EnsureNetwork(acme_), Failure());
  EXPECT_THAT(world_.programs.running(), IsEmpty());
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(world_.programs.running().at(bridge).starts, 1);
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(world_.programs.running().at(bridge).starts, 1) << "it is as it was";
  host_.SetBridgeState(bridge, BridgeState::kAbsent);
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(world_.programs.running().at(bridge).starts, 2) << "the bridge is another";
  ASSERT_EQ(networks_.RemoveNetwork(acme_), absl::OkStatus());
  EXPECT_THAT(world_.programs.running(), IsEmpty());
}

TEST_F(LibvirtNetworksTest, FailsIfNobodyServesTheNetwork) {
  world_.programs.FailNext("Start", Failure());
  EXPECT_EQ(networks_.EnsureNetwork(acme_), Failure());
  EXPECT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_EQ(world_.programs.running().size(), 1U);
}

TEST_F(LibvirtNetworksTest, HasTheServerForgetTheLeaseOfAMachineThatGoes) {
  const Lease web{.hostname = "web", .mac = "52:54:00:d5:04:03", .address = {0x0AD50403U}};
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks_.AddLease({"acme"}, web), absl::OkStatus());
  EXPECT_THAT(host_.released(), IsEmpty());
  ASSERT_EQ(networks_.RemoveLease({"acme"}, web), absl::OkStatus());
  EXPECT_THAT(host_.released(), ElementsAre(web));
}

// One that libvirt serves, as an operator may have edited it.
TEST_F(LibvirtNetworksTest, ReplacesANetworkThatLibvirtServes) {
  std::string xml = BuildNetworkXml(acme_);
  xml.replace(xml.find("<dns enable=\"no\" />"), std::string("<dns enable=\"no\" />").size(), "");
  ASSERT_NE(libvirt::NetworkPtr(virNetworkCreateXML(connection_.Get()->get(), xml.c_str())),
            nullptr);
  EXPECT_EQ(base::GetErrorInfo(networks_.EnsureNetwork(acme_)).reason, base::Reason::kNetworkInUse);
  host_.SetBridgeState(BridgeName(acme_.subnet), BridgeState::kFree);
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  EXPECT_TRUE(Matches(Describe("flatvm-acme"), acme_));
}

TEST_F(LibvirtNetworksTest, HasForwardsAndCeilingsThatBecomeOthersWhileItIsThere) {
  NetworkSpec spec = acme_;
  spec.forwards = {{.host_port = 8080, .machine = "web", .port = 80}};
  spec.ceilings = {.out = 1, .in = 2, .vm_out = 3, .vm_in = 4};
  ASSERT_EQ(networks_.EnsureNetwork(spec), absl::OkStatus());
  EXPECT_EQ(host_.rules(acme_.subnet),
            (NetworkRules{.forwards = spec.forwards, .ceilings = spec.ceilings}));
  const NetworkRules others{.ceilings = {.vm_in = 5}};
  ASSERT_EQ(networks_.SetRules({"acme"}, acme_.subnet, others), absl::OkStatus());
  EXPECT_EQ(host_.rules(acme_.subnet), others);
  EXPECT_EQ(networks_.SetRules({"acme"}, acme_.subnet, {.forwards = {{.machine = "web"}}}).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(host_.rules(acme_.subnet), others);
}

TEST_F(LibvirtNetworksTest, MakesANetworkAnewWhoseBridgeIsGone) {
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  char before[VIR_UUID_STRING_BUFLEN];
  ASSERT_EQ(virNetworkGetUUIDString(Find("flatvm-acme").get(), before), 0);
  host_.SetBridgeState(BridgeName(acme_.subnet), BridgeState::kAbsent);
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  char after[VIR_UUID_STRING_BUFLEN];
  ASSERT_EQ(virNetworkGetUUIDString(Find("flatvm-acme").get(), after), 0);
  EXPECT_STRNE(before, after);
}

TEST_F(LibvirtNetworksTest, HasAFurtherNetworkOfItsOwnName) {
  NetworkSpec storage{.tenant = "acme",
                      .network = "storage",
                      .subnet = *ParseIpv4Subnet("test", "10.213.5.0/24"),
                      .mode = NetworkMode::kIsolated};
  ASSERT_EQ(networks_.EnsureNetwork(acme_), absl::OkStatus());
  ASSERT_EQ(networks_.EnsureNetwork(storage), absl::OkStatus());
  EXPECT_TRUE(Matches(Describe("flatvm-acme.storage"), storage));
  EXPECT_TRUE(Matches(Describe("flatvm-acme"), acme_));
  EXPECT_EQ(Describe("flatvm-acme.storage").domain, "storage.acme.internal");
  EXPECT_THAT(host_.guards(), ElementsAre(acme_.subnet, storage.subnet));
  const Lease web{.hostname = "web", .mac = "52:54:00:d5:05:02", .address = {0x0AD50502U}};
  ASSERT_EQ(networks_.AddLease(storage.Id(), web), absl::OkStatus());
  EXPECT_THAT(host_.machines(BridgeName(storage.subnet)), ElementsAre(web));
  EXPECT_EQ(host_.machines(BridgeName(acme_.subnet)), acme_.leases);
  ASSERT_EQ(networks_.RemoveNetwork(storage), absl::OkStatus());
  EXPECT_EQ(Find("flatvm-acme.storage"), nullptr);
  EXPECT_THAT(host_.filters(), ElementsAre(acme_.subnet));
}

TEST_F(LibvirtNetworksTest, LeavesTheOperatorsNetworksAlone) {
  Define("<network><name>flatvm-acme</name><bridge name='virbr7'/></network>");
  EXPECT_THAT(*networks_.ListNetworks(), IsEmpty());
  EXPECT_EQ(networks_.EnsureNetwork(acme_).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(networks_.AddLease({"acme"}, acme_.leases[0]).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(networks_.RemoveNetwork(acme_).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Describe("flatvm-acme").bridge, "virbr7");
}

TEST_F(LibvirtNetworksTest, TakesAMisnamedNetworkForNobodys) {
  NetworkSpec globex = acme_;
  globex.tenant = "globex";
  std::string xml = BuildNetworkXml(globex);
  xml.replace(xml.find("flatvm-globex"), std::string("flatvm-globex").size(), "flatvm-acme");
  Define(xml.c_str());
  EXPECT_THAT(*networks_.ListNetworks(), IsEmpty());
  EXPECT_EQ(networks_.EnsureNetwork(acme_).code(), absl::StatusCode::kInternal);
}

TEST(LibvirtNetworks, SaysThatLibvirtdIsOutOfReach) {
  fakes::NetworkWorld world;
  libvirt::Connection connection("qemu+unix:///system?socket=/nowhere/libvirt-sock");
  LibvirtNetworks networks(connection, world.host, world.servers, world.log);
  const NetworkSpec spec{.tenant = "acme", .subnet = *ParseIpv4Subnet("test", "10.213.4.0/24")};
  const Lease lease{.hostname = "web", .mac = "52:54:00:d5:04:03", .address = {0x0AD50403U}};
  for (const absl::Status& status :
       {networks.EnsureNetwork(spec), networks.RemoveNetwork(spec),
        networks.AddLease({"acme"}, lease), networks.RemoveLease({"acme"}, lease),
        networks.ListNetworks().status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kHypervisorUnavailable);
  }
  EXPECT_THAT(world.host.filters(), IsEmpty());
}

}  // namespace
}  // namespace flatvm::network
