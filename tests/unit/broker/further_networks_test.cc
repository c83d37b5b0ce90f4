#include "daemon/broker/further_networks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using network::NetworkMode;
using ::testing::ElementsAre;
using ::testing::SizeIs;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

class FurtherNetworksTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world_.AddTenant("acme").ok()); }

  absl::Status Remove(const std::string& name, Mode mode = Mode::kExecute) {
    return world_.networks.Remove({.tenant = "acme", .mode = mode, .name = name});
  }
  std::vector<NetworkRecord> Recorded() { return host_.records.Tenants().at("acme").networks; }

  const absl::Status failure_ = absl::InternalError("as the test wants");
  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(FurtherNetworksTest, AreMadeBesideTheFirst) {
  const auto made = world_.networks.Add(
      {.tenant = "acme", .name = "storage", .network_mode = NetworkMode::kIsolated});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->subnet.ToString(), "10.213.1.0/24");
  EXPECT_EQ(made->prefix->ToString(), "fd12:3456:78d5:100::/64");
  EXPECT_THAT(Recorded(), ElementsAre(*made));
  const auto live = host_.networks.Snapshot();
  ASSERT_TRUE(live.contains("acme.storage"));
  EXPECT_EQ(live.at("acme.storage").subnet, made->subnet);
  EXPECT_EQ(live.at("acme.storage").mode, NetworkMode::kIsolated);
  EXPECT_THAT(live.at("acme.storage").leases, SizeIs(0)) << "the primary is not on it";
  EXPECT_THAT(live.at("acme").leases, SizeIs(1));
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  EXPECT_EQ(host_.records.Tenants().at("globex").subnet.ToString(), "10.213.2.0/24");
}

TEST_F(FurtherNetworksTest, HaveTheirTenantsCeilingsBetweenThem) {
  const network::Ceilings slow{.out = 65536};
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .ceilings = {.out = 65536}}).ok());
  host_.networks.AddBridge("br0", false);
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  const AddNetworkOrder lan{
      .tenant = "acme", .name = "lan", .network_mode = NetworkMode::kBridge, .bridge = "br0"};
  ASSERT_TRUE(world_.networks.Add(lan).ok());
  for (const char* name : {"acme.storage", "acme.lan"}) {
    EXPECT_EQ(host_.networks.Snapshot().at(name).ceilings, slow) << name;
  }
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .ceilings = {.out = 0}}).ok());
  for (const char* name : {"acme", "acme.storage", "acme.lan"}) {
    EXPECT_EQ(host_.networks.Snapshot().at(name).ceilings, network::Ceilings{}) << name;
  }
}

TEST_F(FurtherNetworksTest, AreListedBehindTheFirst) {
  host_.networks.SetTraffic({.accepted = 7});
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  ASSERT_TRUE(world_.AddNetwork("acme", "backup").ok());
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const auto networks = world_.directory.ListNetworks("acme");
  ASSERT_TRUE(networks.ok()) << networks.status();
  ASSERT_THAT(*networks, SizeIs(3));
  EXPECT_EQ(networks->at(0).network.name, "default");
  EXPECT_EQ(networks->at(0).vms, 1U);
  EXPECT_EQ(networks->at(1).network.name, "storage");
  EXPECT_EQ(networks->at(1).vms, 0U);
  EXPECT_EQ(networks->at(1).traffic->accepted, 7U);
  EXPECT_EQ(networks->at(2).network.name, "backup");
  EXPECT_EQ(ReasonOf(world_.directory.ListNetworks("none").status()), Reason::kTenantNotFound);
}

TEST_F(FurtherNetworksTest, GoAndLeaveNothing) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  EXPECT_EQ(Remove("storage", Mode::kValidateOnly), absl::OkStatus());
  ASSERT_THAT(Recorded(), SizeIs(1));
  ASSERT_EQ(Remove("storage"), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_THAT(Recorded(), SizeIs(0));
  const auto again = world_.AddNetwork("acme", "other");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->subnet.ToString(), "10.213.1.0/24") << "its subnet is free again";
}

TEST_F(FurtherNetworksTest, LeaveNothingBehindWhicheverStepOfAnAddFails) {
  const HostState before = StateOf(host_);
  host_.records.FailNext("PutTenant", failure_);
  EXPECT_EQ(world_.AddNetwork("acme", "storage").status(), failure_);
  EXPECT_EQ(StateOf(host_), before);
  host_.networks.FailNext("EnsureNetwork", failure_);
  EXPECT_EQ(world_.AddNetwork("acme", "storage").status(), failure_);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_THAT(Recorded(), SizeIs(0));
  const auto made = world_.AddNetwork("acme", "storage");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->subnet.ToString(), "10.213.1.0/24") << "its subnet was given back";
}

TEST_F(FurtherNetworksTest, StayOnRecordIfTheyMayStillBeThere) {
  host_.networks.FailNext("EnsureNetwork", failure_);
  host_.networks.FailNext("RemoveNetwork", failure_);
  EXPECT_EQ(world_.AddNetwork("acme", "storage").status(), failure_);
  ASSERT_THAT(Recorded(), SizeIs(1));
  EXPECT_NE(world_.AddNetwork("acme", "other")->subnet, Recorded()[0].subnet);
  EXPECT_EQ(Remove("storage"), absl::OkStatus());
  EXPECT_THAT(Recorded(), SizeIs(1));
}

TEST_F(FurtherNetworksTest, AreNotSaidToBeThereIfTheyMayNotBe) {
  host_.networks.FailNext("EnsureNetwork", failure_);
  host_.networks.FailNext("RemoveNetwork", failure_);
  EXPECT_EQ(world_.AddNetwork("acme", "storage", "request-1").status(), failure_);
  const absl::Status again = world_.AddNetwork("acme", "storage", "request-1").status();
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReasonOf(again), Reason::kNetworkNameTaken);
  EXPECT_NE(again.message().find("flatvmctl tenant network remove"), again.message().npos);
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_FALSE(next.AddNetwork("acme", "storage", "request-1").ok()) << "nor after a restart";
  EXPECT_EQ(next.networks.Remove({.tenant = "acme", .name = "storage"}), absl::OkStatus());
  EXPECT_TRUE(next.AddNetwork("acme", "storage", "request-1").ok());
  EXPECT_TRUE(host_.networks.Snapshot().contains("acme.storage"));
}

TEST_F(FurtherNetworksTest, KeepTheirSubnetWhileTheyAreOnRecord) {
  // Once they are on record nothing more is written.
  host_.networks.on_ensure = [&](const network::NetworkSpec&) {
    host_.records.FailNext("PutTenant", failure_);
  };
  host_.networks.FailNext("EnsureNetwork", failure_);
  EXPECT_EQ(world_.AddNetwork("acme", "storage", "request-1").status(), failure_);
  host_.networks.on_ensure = nullptr;
  ASSERT_THAT(Recorded(), SizeIs(1));
  EXPECT_FALSE(host_.networks.Snapshot().contains("acme.storage"));
  EXPECT_EQ(ReasonOf(world_.AddNetwork("acme", "storage", "request-1").status()),
            Reason::kNetworkNameTaken);
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  EXPECT_NE(host_.records.Tenants().at("globex").subnet, Recorded()[0].subnet);
  BrokerWorld next(host_);
  EXPECT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(Remove("storage"), absl::OkStatus());
  EXPECT_THAT(Recorded(), SizeIs(0));
  const auto other = world_.AddNetwork("acme", "other");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->subnet.ToString(), "10.213.1.0/24") << "it was given back";
}

TEST_F(FurtherNetworksTest, AreAllThereWhicheverStepOfARemovalFails) {
  ASSERT_TRUE(world_.AddNetwork("acme", "backup").ok());
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  const HostState before = StateOf(host_);
  const auto recorded = Recorded();
  host_.networks.FailNext("RemoveNetwork", failure_);
  EXPECT_EQ(Remove("backup"), failure_);
  EXPECT_EQ(StateOf(host_), before);
  host_.records.FailNext("PutTenant", failure_);
  EXPECT_EQ(Remove("backup"), failure_);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Recorded(), recorded);
  EXPECT_EQ(Remove("backup"), absl::OkStatus());
}

TEST_F(FurtherNetworksTest, AreThreeAtMost) {
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(world_.AddNetwork("acme", name).ok());
  const HostState before = StateOf(host_);
  for (const Mode mode : {Mode::kValidateOnly, Mode::kExecute}) {
    const absl::Status full =
        world_.networks.Add({.tenant = "acme", .mode = mode, .name = "d"}).status();
    EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
    const base::ErrorInfo info = base::GetErrorInfo(full);
    EXPECT_EQ(info.reason, Reason::kTenantNetworkLimit);
    EXPECT_EQ(info.limit, "networks");
    EXPECT_EQ(info.limit_value, 3U);
    EXPECT_EQ(info.left, 0U);
  }
  EXPECT_EQ(StateOf(host_), before);
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  EXPECT_TRUE(world_.AddNetwork("globex", "a").ok()) << "others have their own";
}

TEST_F(FurtherNetworksTest, AreRefusedWithCodeAndReason) {
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  const HostState before = StateOf(host_);
  const struct {
    const char* tenant;
    const char* name;
    NetworkMode mode;
    Reason reason;
    const char* field;
  } cases[] = {
      {"acme", "storage", NetworkMode::kIsolated, Reason::kNetworkNameTaken, "name"},
      {"acme", "", NetworkMode::kIsolated, Reason::kFieldMissing, "name"},
      {"acme", "a.b", NetworkMode::kIsolated, Reason::kFieldMalformed, "name"},
      {"acme", "default", NetworkMode::kIsolated, Reason::kFieldMalformed, "name"},
      {"acme", "other", NetworkMode::kViaPrimary, Reason::kFieldOutOfRange, "mode"},
      {"none", "other", NetworkMode::kIsolated, Reason::kTenantNotFound, ""},
  };
  for (const auto& one : cases) {
    const absl::Status status =
        world_.networks.Add({.tenant = one.tenant, .name = one.name, .network_mode = one.mode})
            .status();
    EXPECT_EQ(ReasonOf(status), one.reason) << status;
    EXPECT_EQ(base::GetErrorInfo(status).field, one.field) << status;
  }
  EXPECT_EQ(ReasonOf(Remove("other")), Reason::kNetworkNotFound);
  EXPECT_EQ(Remove("other").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::GetErrorInfo(Remove("default")).field, "name");
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(FurtherNetworksTest, AreMadeOnceByARepeatedRequest) {
  const auto first = world_.AddNetwork("acme", "storage", "request-1");
  const auto second = world_.AddNetwork("acme", "storage", "request-1");
  ASSERT_TRUE(first.ok() && second.ok()) << second.status();
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(ReasonOf(world_.AddNetwork("acme", "storage", "request-2").status()),
            Reason::kNetworkNameTaken);
}

TEST_F(FurtherNetworksTest, ArePutBackAfterARestart) {
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  const HostState before = StateOf(host_);
  ASSERT_EQ(host_.networks.RemoveNetwork({.tenant = "acme", .network = "storage"}),
            absl::OkStatus());
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before);
  ASSERT_TRUE(next.AddTenant("globex").ok());
  EXPECT_EQ(host_.records.Tenants().at("globex").subnet.ToString(), "10.213.2.0/24")
      << "its subnet is taken";
  EXPECT_EQ(next.networks.Remove({.tenant = "acme", .name = "storage"}), absl::OkStatus());
}

TEST_F(FurtherNetworksTest, AreEachTriedAfterARestart) {
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  for (const char* network : {"default", "storage"}) {
    ASSERT_EQ(host_.networks.RemoveNetwork({.tenant = "acme", .network = network}),
              absl::OkStatus());
  }
  host_.networks.FailNext("EnsureNetwork", failure_);
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_TRUE(host_.networks.Snapshot().contains("acme.storage"));
  EXPECT_TRUE(host_.log.Has("slice and networks of a tenant failed, to be tried again"));
}

TEST_F(FurtherNetworksTest, AreMadeAtTheStartWhateverElseFails) {
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  const HostState before = StateOf(host_);
  for (const char* op : {"EnsureTenant", "EnsureSlice"}) {
    for (const char* network : {"default", "storage"}) {
      ASSERT_EQ(host_.networks.RemoveNetwork({.tenant = "acme", .network = network}),
                absl::OkStatus());
    }
    host_.storage.FailNext(op, failure_);
    host_.cgroups.FailNext(op, failure_);
    BrokerWorld next(host_);
    ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
    EXPECT_EQ(StateOf(host_).networks, before.networks) << op;
  }
}

TEST_F(FurtherNetworksTest, GoWithTheirTenant) {
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  host_.networks.FailNext("RemoveNetwork", failure_);
  EXPECT_FALSE(world_.tenants.Remove({.name = "acme"}).ok());
  EXPECT_TRUE(host_.networks.Snapshot().contains("acme.storage"));
  ASSERT_TRUE(world_.tenants.Remove({.name = "acme"}).ok());
  EXPECT_THAT(host_.networks.Snapshot(), SizeIs(0));
  ASSERT_TRUE(world_.AddTenant("globex").ok());
  ASSERT_TRUE(world_.AddNetwork("globex", "a").ok());
  EXPECT_EQ(host_.records.Tenants().at("globex").networks[0].subnet.ToString(), "10.213.1.0/24")
      << "its subnets are free again";
}

TEST_F(FurtherNetworksTest, StayWhatTheyAreWhileLimitsChange) {
  ASSERT_TRUE(world_.AddNetwork("acme", "storage").ok());
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .vms = 7}).ok());
  EXPECT_THAT(Recorded(), SizeIs(1));
  EXPECT_TRUE(host_.networks.Snapshot().contains("acme.storage"));
}

}  // namespace
}  // namespace flatvm::broker
