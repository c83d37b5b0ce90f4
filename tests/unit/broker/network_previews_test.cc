// Orders of networks that are only looked at: they fail as the orders themselves would.
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "network/network_spec.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using network::NetworkMode;

class NetworkPreviewsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.AddTenant("acme").ok()); }

  absl::Status Preview(AddNetworkOrder order) {
    order.tenant = "acme";
    order.mode = Mode::kValidateOnly;
    return world_.networks.Add(order).status();
  }
  absl::Status PreviewGlobex() {
    return world_.tenants
        .Create({.name = "globex",
                 .primary = "globex-primary",
                 .mode = Mode::kValidateOnly,
                 .limits = host_.records.Tenants().at("acme").limits})
        .status();
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(NetworkPreviewsTest, LookAtTheBridgeAndLeaveItAlone) {
  const AddNetworkOrder lan{
      .name = "lan", .network_mode = NetworkMode::kBridge, .bridge = "br0", .vlan = 100};
  const HostState before = StateOf(host_);
  EXPECT_EQ(base::GetErrorInfo(Preview(lan)).field, "bridge");
  EXPECT_EQ(base::GetErrorInfo(Preview(lan)).reason, Reason::kBridgeUnusable);
  host_.networks.AddBridge("br0", false);
  EXPECT_EQ(base::GetErrorInfo(Preview(lan)).field, "vlan");
  host_.networks.AddBridge("br0", true);
  EXPECT_EQ(Preview(lan), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(NetworkPreviewsTest, SayThatNoSubnetIsLeft) {
  EXPECT_EQ(Preview({.name = "storage"}), absl::OkStatus());
  EXPECT_EQ(PreviewGlobex(), absl::OkStatus());
  const HostState before = StateOf(host_);
  network::Ipv4Subnet last;
  std::optional<network::Ipv6Prefix> prefix;
  while (world_.tenants.ReserveSubnet(&last, &prefix).ok()) continue;
  for (const absl::Status& full : {Preview({.name = "storage"}), PreviewGlobex()}) {
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
    EXPECT_EQ(base::GetErrorInfo(full).reason, Reason::kSubnetPoolEmpty) << full;
  }
  host_.networks.AddBridge("br0", true);
  EXPECT_EQ(Preview({.name = "lan", .network_mode = NetworkMode::kBridge, .bridge = "br0"}),
            absl::OkStatus())
      << "it takes none";
  EXPECT_EQ(StateOf(host_), before);
  world_.tenants.ReleaseSubnet(last);
  EXPECT_EQ(Preview({.name = "storage"}), absl::OkStatus());
  EXPECT_EQ(PreviewGlobex(), absl::OkStatus());
}

}  // namespace
}  // namespace flatvm::broker
