// Further networks of mode bridge.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/broker/further_networks.h"
#include "network/network_spec.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using network::NetworkMode;
using ::testing::ElementsAre;
using ::testing::SizeIs;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

class BridgeNetworksTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.AddTenant("acme").ok()); }
  std::vector<NetworkRecord> Recorded() { return host_.records.Tenants().at("acme").networks; }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(BridgeNetworksTest, StandOnABridgeOfTheOperators) {
  const AddNetworkOrder lan{.tenant = "acme",
                            .name = "lan",
                            .network_mode = NetworkMode::kBridge,
                            .bridge = "br0",
                            .vlan = 100};
  const HostState before = StateOf(host_);
  const absl::Status absent = world_.networks.Add(lan).status();
  EXPECT_EQ(absent.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(absent), Reason::kBridgeUnusable);
  EXPECT_EQ(base::GetErrorInfo(absent).field, "bridge");
  host_.networks.AddBridge("br0", false);
  EXPECT_EQ(base::GetErrorInfo(world_.networks.Add(lan).status()).field, "vlan");
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_THAT(Recorded(), SizeIs(0));
  host_.networks.AddBridge("br0", true);
  const auto made = world_.networks.Add(lan);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->subnet, network::Ipv4Subnet{});
  EXPECT_EQ(made->prefix, std::nullopt);
  EXPECT_THAT(Recorded(), ElementsAre(*made));
  EXPECT_EQ(host_.networks.Snapshot().at("acme.lan").bridge, "br0");
  EXPECT_EQ(host_.networks.Snapshot().at("acme.lan").vlan, 100U);
  EXPECT_EQ(world_.directory.ListNetworks("acme")->at(1).traffic, std::nullopt);
  const auto storage = world_.AddNetwork("acme", "storage");
  EXPECT_EQ(storage->subnet.ToString(), "10.213.1.0/24") << "none was taken for it";

  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(next.networks.Remove({.tenant = "acme", .name = "lan"}), absl::OkStatus());
  EXPECT_FALSE(host_.networks.Snapshot().contains("acme.lan"));
  EXPECT_TRUE(host_.networks.Snapshot().contains("acme"));
  ASSERT_TRUE(next.AddTenant("globex").ok());
  EXPECT_EQ(host_.records.Tenants().at("globex").subnet.ToString(), "10.213.2.0/24")
      << "the first network's subnet stays taken";
}

// A secondary there would be refused later, as an error of ours (hypervisor::CheckDomainSpec).
TEST_F(BridgeNetworksTest, HaveNamesThatTheHypervisorTakes) {
  for (const char* name :
       {"br0", "br-lan", "br_lan", "br0.100", "_b", ".b", "B", "fifteen-letters"}) {
    EXPECT_EQ(network::CheckBridge(name, 0), absl::OkStatus()) << name;
  }
  for (const char* name : {"-", "-br0", "--help", "@", "br@0", "br0@"}) {
    const absl::Status status = network::CheckBridge(name, 0);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(base::GetErrorInfo(status).field, "bridge") << name;
  }
}

TEST_F(BridgeNetworksTest, HaveBridgeAndVlanInTheirModeOnly) {
  host_.networks.AddBridge("br0", true);
  const HostState before = StateOf(host_);
  const struct {
    NetworkMode mode;
    const char* bridge;
    uint32_t vlan;
    Reason reason;
    const char* field;
  } cases[] = {
      {NetworkMode::kBridge, "", 0, Reason::kFieldMissing, "bridge"},
      {NetworkMode::kBridge, "a b", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "../br0", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "a-name-too-long-", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "..", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "-br0", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "br0@eth0", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "@br0", 100, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kBridge, "fv-0ad50000", 0, Reason::kFieldOutOfRange, "bridge"},
      {NetworkMode::kBridge, "br0", 4095, Reason::kFieldOutOfRange, "vlan"},
      {NetworkMode::kIsolated, "br0", 0, Reason::kFieldMalformed, "bridge"},
      {NetworkMode::kNat, "", 100, Reason::kFieldMalformed, "vlan"},
  };
  for (const auto& one : cases) {
    const absl::Status status = world_.networks
                                    .Add({.tenant = "acme",
                                          .name = "lan",
                                          .network_mode = one.mode,
                                          .bridge = one.bridge,
                                          .vlan = one.vlan})
                                    .status();
    EXPECT_EQ(ReasonOf(status), one.reason) << status;
    EXPECT_EQ(base::GetErrorInfo(status).field, one.field) << status;
  }
  const absl::Status first =
      world_.updates.Update({.name = "acme", .network_mode = NetworkMode::kBridge}).status();
  EXPECT_EQ(base::GetErrorInfo(first).field, "network_mode") << first;
  const absl::Status made = world_.tenants
                                .Create({.name = "globex",
                                         .primary = "globex-primary",
                                         .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8},
                                         .network_mode = NetworkMode::kBridge})
                                .status();
  EXPECT_EQ(base::GetErrorInfo(made).field, "network_mode") << made;
  EXPECT_EQ(StateOf(host_), before);
}

}  // namespace
}  // namespace flatvm::broker
