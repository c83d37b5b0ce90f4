// Secondaries' NICs on further networks, and what is left of them after a restart or a failure.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/broker/vm_places.h"
#include "tests/unit/broker/vm_nics_fixture.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using ::testing::SizeIs;

TEST_F(VmNicsTest, AreThereAgainAfterARestart) {
  const auto vm = world_.Create("acme", SpecOn({"storage"}));
  ASSERT_TRUE(vm.ok()) << vm.status();
  const HostState before = StateOf(host_);
  ASSERT_EQ(host_.networks.RemoveNetwork({.tenant = "acme", .network = "storage"}),
            absl::OkStatus());
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before) << "its lease, too";
  EXPECT_EQ(next.directory.GetVm("acme", "web")->nics, vm->nics);
  const auto other = next.Create("acme", SpecOn({"storage"}, "other"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(other->nics[0].address, vm->nics[0].address);
  EXPECT_EQ(ReasonOf(next.networks.Remove({.tenant = "acme", .name = "storage"})),
            Reason::kNetworkInUse);
}

TEST_F(VmNicsTest, OfAHalfMadeSecondaryGoAtTheNextStart) {
  const HostState before = StateOf(host_);
  VmRecord vm = *world_.Create("acme", SpecOn({"storage", "backup"}));
  vm.state = VmState::kCreating;
  ASSERT_TRUE(host_.records.PutVm(vm).ok());
  BrokerWorld next(host_);
  ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(VmNicsTest, OfAHalfMadeSecondaryDoNotStopTheStartIfTheirNetworkIsGone) {
  ASSERT_EQ(world_.networks.Remove({.tenant = "acme", .name = "backup"}), absl::OkStatus());
  const HostState before = StateOf(host_);
  for (const VmState state : {VmState::kCreating, VmState::kDestroying}) {
    BrokerWorld world(host_);
    ASSERT_EQ(world.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
    VmRecord vm = *world.Create("acme", SpecOn({"storage"}));
    vm.state = state;
    vm.nics.push_back({.network = "backup", .mac = "52:54:00:d5:02:02", .address = {0x0AD50202}});
    ASSERT_TRUE(host_.records.PutVm(vm).ok());
    BrokerWorld next(host_);
    ASSERT_EQ(next.reconciler.ReconcileAtStart(*host_.records.Load()), absl::OkStatus());
    EXPECT_TRUE(host_.log.Has("secondary was on network \"backup\", which is gone"));
    EXPECT_EQ(StateOf(host_), before);
    EXPECT_THAT(*next.directory.ListVms("acme"), SizeIs(0));
  }
}

TEST_F(VmNicsTest, AreKeptWithARecordThatCannotBeRemoved) {
  const HostState before = StateOf(host_);
  host_.storage.FailNext("CreateVmFiles", failure_);
  host_.records.FailNext("RemoveVm", failure_);
  EXPECT_EQ(world_.Create("acme", SpecOn({"storage"}), "request-1").status(), failure_);
  EXPECT_THAT(host_.records.Vms(), SizeIs(1));
  const auto left = world_.directory.GetVm("acme", "web");
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(left->state, VmState::kDestroying);
  EXPECT_EQ(ReasonOf(world_.networks.Remove({.tenant = "acme", .name = "storage"})),
            Reason::kNetworkInUse);
  EXPECT_EQ(ReasonOf(world_.Create("acme", SpecOn({"storage"}), "request-1").status()),
            Reason::kChangeInFlight)
      << "nothing was made";
  const auto other = world_.Create("acme", SpecOn({"storage"}, "other"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->nics[0].address.ToString(), "10.213.1.3");
  EXPECT_EQ(BrokerWorld(host_).reconciler.ReconcileAtStart(*host_.records.Load()),
            absl::OkStatus());
  ASSERT_TRUE(world_.Destroy("acme", "other").ok());
  world_.reconciler.RetryLeftovers();
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.networks.Remove({.tenant = "acme", .name = "storage"}), absl::OkStatus());
}

TEST_F(VmNicsTest, ThatContradictTheirTenantsRecordStopTheStart) {
  VmRecord vm = *world_.Create("acme", SpecOn({"storage"}));
  VmRecord twin = vm;
  twin.id = "00000000-0000-4000-8000-000000000001";
  twin.address.value += 1;
  ASSERT_TRUE(host_.records.PutVm(twin).ok());
  EXPECT_FALSE(BrokerWorld(host_).reconciler.ReconcileAtStart(*host_.records.Load()).ok())
      << "two with one address";
  twin.nics[0].network = "gone";
  ASSERT_TRUE(host_.records.PutVm(twin).ok());
  EXPECT_FALSE(BrokerWorld(host_).reconciler.ReconcileAtStart(*host_.records.Load()).ok())
      << "no such network";
}

}  // namespace
}  // namespace flatvm::broker
