// Machines in a VLAN of a bridge of the operator's, in a network namespace that plays the host.
#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>

#include <chrono>
#include <thread>

#include "daemon/base/names.h"
#include "tests/integration/flood.h"
#include "tests/integration/operator_bridges_fixture.h"

namespace flatvm::integration {
namespace {

using base::Reason;
using network::BridgeKind;
using network::NetworkSpec;

TEST_F(OperatorBridgesTest, AreToldFromOtherInterfaces) {
  if (!has_vlans_) GTEST_SKIP() << "the kernel's bridges filter no VLANs";
  host_->Run([] {
    EXPECT_EQ(*network::FindBridge("br0"), BridgeKind::kFiltersVlans);
    EXPECT_EQ(*network::FindBridge("br1"), BridgeKind::kPlain);
    EXPECT_EQ(*network::FindBridge("peer0"), BridgeKind::kNoBridge);
    EXPECT_EQ(*network::FindBridge("none"), BridgeKind::kAbsent);
  });
  const auto refused = [&](const char* bridge, uint32_t vlan, const char* field) {
    NetworkSpec spec = spec_;
    spec.bridge = bridge;
    spec.vlan = vlan;
    const absl::Status status = Ensure(spec);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, Reason::kBridgeUnusable) << status;
    EXPECT_EQ(base::GetErrorInfo(status).field, field) << status;
    EXPECT_EQ(base::GetErrorInfo(AddMachine(web_)).reason, Reason::kBridgeUnusable);
  };
  refused("none", 0, "bridge");
  refused("peer0", 0, "bridge");
  refused("br1", 100, "vlan");
  EXPECT_EQ(Ensure(spec_), absl::OkStatus());
}

TEST_F(OperatorBridgesTest, HoldAMachineThatComesToItsVlan) {
  if (!has_vlans_) GTEST_SKIP() << "the kernel's bridges filter no VLANs";
  ASSERT_EQ(Ensure(spec_), absl::OkStatus());
  ASSERT_EQ(AddMachine(web_), absl::OkStatus());
  const auto web = Plug("web", kWeb, "br0");
  ASSERT_TRUE(Becomes([&] { return network::IsOnlyVlan(Vlans("web"), 100); }));
  ASSERT_TRUE(Becomes([&] { return IsGuarded("web"); }));
  RawPort sender(*web), peer(*peer0_);
  const std::string frame = Ip4(Udp("192.0.2.7", 1000));
  EXPECT_TRUE(Becomes([&] {
    sender.Send(frame);
    return peer.Gets(frame, kMilliseconds);
  }));
  const std::string back = EthernetFrame(kWeb, kPeer, "0800", Udp("192.0.2.99", 5));
  peer.Send(back);
  EXPECT_TRUE(sender.Gets(back, kPatience)) << "untagged";

  // Somebody else of another VLAN of that bridge.
  const auto other = Plug("other", "52:aa:bb:cc:00:55", "br0");
  RawPort elsewhere(*other);
  const std::string broadcast = EthernetFrame(kAll, kWeb, "0800", Udp("192.0.2.7", 1001));
  sender.Send(broadcast);
  EXPECT_FALSE(elsewhere.Gets(broadcast, kMilliseconds));
  EXPECT_FALSE(IsGuarded("other")) << "it is none of flatvm's";
  EXPECT_EQ(Vlans("other").front().id, 1);
}

TEST_F(OperatorBridgesTest, ShutAMachineOffUntilItIsInItsVlan) {
  if (!has_vlans_) GTEST_SKIP() << "the kernel's bridges filter no VLANs";
  watch_.reset();
  const std::string tap = base::TapName(kWeb);
  ASSERT_EQ(Ensure(spec_), absl::OkStatus());
  ASSERT_EQ(AddMachine(web_), absl::OkStatus());
  const auto web = Plug(tap, kWeb, "br0");
  const auto other = Plug("other", "52:aa:bb:cc:00:55", "br0");
  RawPort machine(*web), elsewhere(*other);
  const std::string out = EthernetFrame(kAll, kWeb, "0800", Udp("192.0.2.7", 1));
  const std::string in = EthernetFrame(kAll, "52:aa:bb:cc:00:55", "0800", Udp("192.0.2.8", 1));
  EXPECT_EQ(Vlans(tap.c_str()).front().id, 1) << "where whoever comes is, and it too for now";
  machine.Send(out);
  EXPECT_FALSE(elsewhere.Gets(out, kMilliseconds));
  elsewhere.Send(in);
  EXPECT_FALSE(machine.Gets(in, kMilliseconds));
  host_->Run(
      [this] { EXPECT_EQ(kernel_.GuardPorts({::if_nametoindex("br0")}), absl::OkStatus()); });
  EXPECT_TRUE(network::IsOnlyVlan(Vlans(tap.c_str()), 100));
  RawPort peer(*peer0_);
  EXPECT_TRUE(Becomes([&] {
    machine.Send(out);
    return peer.Gets(out, kMilliseconds);
  }));
  EXPECT_FALSE(elsewhere.Gets(out, kMilliseconds));
}

TEST_F(OperatorBridgesTest, ShutAMachineOffWhoseVlanIsNotKeptAnyMore) {
  if (!has_vlans_) GTEST_SKIP() << "the kernel's bridges filter no VLANs";
  ASSERT_EQ(Ensure(spec_), absl::OkStatus());
  ASSERT_EQ(AddMachine(web_), absl::OkStatus());
  const auto web = Plug("web", kWeb, "br0");
  ASSERT_TRUE(Becomes([&] { return network::IsOnlyVlan(Vlans("web"), 100); }));
  RawPort sender(*web), peer(*peer0_);
  const auto passes = [&] {
    const std::string frame = Ip4(Udp("192.0.2.7", 1000));
    sender.Send(frame);
    return peer.Gets(frame, kMilliseconds);
  };
  ASSERT_TRUE(Becomes(passes));
  host_->Ip("link set br0 type bridge vlan_filtering 0");
  EXPECT_TRUE(Becomes([&] { return !passes(); }));
  EXPECT_TRUE(log_.Has("secondaries on a bridge of the host's are shut off"));
  host_->Ip("link set br0 type bridge vlan_filtering 1");
  EXPECT_TRUE(Becomes(passes));
  watch_.reset();
  // Somebody put it into another one, too.
  host_->Run([this] {
    RunOrFail({"/usr/sbin/bridge", "vlan", "add", "dev", "web", "vid", "200"});
    EXPECT_EQ(kernel_.GuardPorts({::if_nametoindex("br0")}), absl::OkStatus());
  });
  EXPECT_TRUE(network::IsOnlyVlan(Vlans("web"), 100));
  EXPECT_TRUE(Becomes(passes));
}

}  // namespace
}  // namespace flatvm::integration
