#include "daemon/broker/reconciler.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

// One host that several runs of flatvmd share; each run begins by reconciling.
class ReconcilerTest : public ::testing::Test {
 protected:
  std::unique_ptr<BrokerWorld> Start() {
    auto world = std::make_unique<BrokerWorld>(host_);
    const auto stored = host_.records.Load();
    EXPECT_TRUE(stored.ok());
    world->cids.Resume(stored->next_cid);
    const absl::Status status = world->reconciler.ReconcileAtStart(*stored);
    EXPECT_TRUE(status.ok()) << status;
    return world;
  }

  FakeHost host_;
};

TEST_F(ReconcilerTest, FindsEverythingAgainAfterARestart) {
  VmRecord before;
  Resources used;
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
    before = *world->Create("acme", WebSpec());
    used = world->Used("acme");
  }
  const HostState host_before = StateOf(host_);
  auto world = Start();
  const auto after = world->directory.GetVm("acme", "web");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->id, before.id);
  EXPECT_EQ(after->state, VmState::kRunning);
  EXPECT_EQ(world->Used("acme"), used);
  EXPECT_EQ(StateOf(host_), host_before);
  // Neither the address nor the CID of the one that runs is given to another.
  const auto other = world->Create("acme", WebSpec("other"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(other->address, before.address);
  EXPECT_GT(other->cid, before.cid);
}

TEST_F(ReconcilerTest, SaysHowFarItIs) {
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
    ASSERT_TRUE(world->AddTenant("globex").ok());
  }
  BrokerWorld world(host_);
  std::vector<size_t> said;
  ASSERT_TRUE(
      world.reconciler
          .ReconcileAtStart(*host_.records.Load(), [&said](size_t done) { said.push_back(done); })
          .ok());
  EXPECT_EQ(said, (std::vector<size_t>{0, 1}));
}

TEST_F(ReconcilerTest, PutsBackWhatTheHostLost) {
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
  }
  const HostState before = StateOf(host_);
  ASSERT_TRUE(host_.cgroups.RemoveSlice("acme").ok());
  ASSERT_TRUE(host_.networks.RemoveNetwork({.tenant = "acme"}).ok());
  ASSERT_TRUE(host_.gate.CloseTenant("acme").ok());
  Start();
  EXPECT_EQ(StateOf(host_), before);
}

// Machines of a network that nobody asks for again are shut off.
TEST_F(ReconcilerTest, TriesWhatFailedAtTheStartUntilItSucceeds) {
  const absl::Status fault = base::InternalError("injected");
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
    ASSERT_TRUE(world->AddTenant("globex").ok());
    ASSERT_TRUE(world->AddNetwork("acme", "storage").ok());
    ASSERT_TRUE(world->Create("acme", WebSpec()).ok());
  }
  const HostState before = StateOf(host_);
  ASSERT_TRUE(host_.networks.RemoveNetwork({.tenant = "acme"}).ok());
  host_.networks.FailNext("EnsureNetwork", fault);
  auto world = Start();
  EXPECT_FALSE(host_.networks.Snapshot().contains("acme"));
  std::vector<std::string> made;
  host_.networks.on_ensure = [&](const network::NetworkSpec& spec) {
    made.push_back(spec.tenant + "." + spec.network);
    // Who came or went now would not be on it as it is on record.
    EXPECT_EQ(base::GetErrorInfo(world->Destroy("acme", "web").status()).reason,
              base::Reason::kChangeInFlight);
    EXPECT_EQ(base::GetErrorInfo(world->Create("acme", WebSpec("b")).status()).reason,
              base::Reason::kChangeInFlight);
    EXPECT_EQ(base::GetErrorInfo(world->AddNetwork("acme", "b").status()).reason,
              base::Reason::kChangeInFlight);
  };
  host_.networks.FailNext("EnsureNetwork", fault);
  world->reconciler.RetryLeftovers();
  EXPECT_NE(StateOf(host_), before);
  world->reconciler.RetryLeftovers();
  EXPECT_EQ(StateOf(host_), before) << "its secondary, too";
  ASSERT_EQ(made.size(), 4U);
  for (const std::string& network : made) EXPECT_EQ(network.substr(0, 5), "acme.") << network;
  world->reconciler.RetryLeftovers();
  EXPECT_EQ(made.size(), 4U) << "no more than that";
  host_.networks.on_ensure = nullptr;
  EXPECT_TRUE(world->Create("acme", WebSpec("b")).ok());
  EXPECT_TRUE(world->Destroy("acme", "web").ok());
}

TEST_F(ReconcilerTest, TriesAgainWhenNothingElseChangesTheTenant) {
  std::string id;
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
    id = world->Create("acme", WebSpec())->id;
  }
  const HostState before = StateOf(host_);
  ASSERT_TRUE(host_.networks.RemoveNetwork({.tenant = "acme"}).ok());
  host_.networks.FailNext("EnsureNetwork", base::InternalError("injected"));
  auto world = Start();
  const std::function<void(TenantEntry&, bool)> changes[] = {
      [](TenantEntry& entry, bool begins) { entry.updating = begins; },
      [](TenantEntry& entry, bool begins) { entry.changing = begins; },
      [&](TenantEntry& entry, bool begins) {
        begins ? void(entry.in_flight.insert(id)) : void(entry.in_flight.erase(id));
      }};
  for (const auto& change : changes) {
    change(*world->registry.Acquire()->FindTenant("acme"), true);
    world->reconciler.RetryLeftovers();
    EXPECT_FALSE(host_.networks.Snapshot().contains("acme"));
    change(*world->registry.Acquire()->FindTenant("acme"), false);
  }
  world->reconciler.RetryLeftovers();
  EXPECT_EQ(StateOf(host_), before);
}

// Its network waits for it; nobody is kept from the tenant meanwhile.
TEST_F(ReconcilerTest, DoesNotAskForABridgeThatIsAway) {
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
    host_.networks.AddBridge("br0", true);
    ASSERT_TRUE(world->networks
                    .Add({.tenant = "acme",
                          .name = "lan",
                          .network_mode = network::NetworkMode::kBridge,
                          .bridge = "br0"})
                    .ok());
    ASSERT_TRUE(world->AddNetwork("acme", "storage").ok());
  }
  host_.networks.RemoveBridge("br0");
  auto world = Start();
  int asked = 0;
  host_.networks.on_ensure = [&](const network::NetworkSpec&) { ++asked; };
  world->reconciler.RetryLeftovers();
  EXPECT_EQ(asked, 0);
  // But for one behind it that is not made.
  host_.networks.on_ensure = [&](const network::NetworkSpec& spec) {
    if (spec.network == "storage") {
      host_.networks.FailNext("EnsureNetwork", base::InternalError("injected"));
    }
  };
  world = Start();
  host_.networks.on_ensure = [&](const network::NetworkSpec&) { ++asked; };
  world->reconciler.RetryLeftovers();
  EXPECT_EQ(asked, 3);
}

TEST_F(ReconcilerTest, MarksASecondaryAsStoppedWhoseDomainIsGone) {
  std::string id;
  {
    auto world = Start();
    ASSERT_TRUE(world->AddTenant("acme").ok());
    id = world->Create("acme", WebSpec())->id;
  }
  ASSERT_TRUE(host_.hypervisor.RemoveDomain(id).ok());
  auto world = Start();
  EXPECT_EQ(world->directory.GetVm("acme", "web")->state, VmState::kStopped);
  EXPECT_EQ(host_.records.Vms().at(id).state, VmState::kStopped);
}

// flatvmd died in the middle: the record says so, and the next start undoes or finishes.
TEST_F(ReconcilerTest, RemovesSecondariesThatWereHalfMadeOrHalfDestroyed) {
  for (const VmState state : {VmState::kCreating, VmState::kDestroying}) {
    HostState before;
    {
      auto world = Start();
      if (host_.records.Tenants().empty()) {
        ASSERT_TRUE(world->AddTenant("acme").ok());
      }
      before = StateOf(host_);
      VmRecord vm = *world->Create("acme", WebSpec());
      vm.state = state;
      ASSERT_TRUE(host_.records.PutVm(vm).ok());
    }
    auto world = Start();
    EXPECT_EQ(StateOf(host_), before);
    EXPECT_EQ(world->directory.ListVms("acme")->size(), 0U);
  }
}

TEST_F(ReconcilerTest, RemovesATenantThatWasHalfMadeOrHalfRemoved) {
  for (const TenantState state : {TenantState::kCreating, TenantState::kRemoving}) {
    const HostState before = StateOf(host_);
    {
      auto world = Start();
      ASSERT_TRUE(world->AddTenant("acme", PrimaryRestart::kLeaveRunning).ok());
      TenantRecord record = host_.records.Tenants().at("acme");
      record.state = state;
      ASSERT_TRUE(host_.records.PutTenant(record).ok());
    }
    Start();
    EXPECT_EQ(StateOf(host_), before);
  }
}

TEST_F(ReconcilerTest, RemovesDomainsAndFilesThatHaveNoRecord) {
  auto world = Start();
  ASSERT_TRUE(world->AddTenant("acme").ok());
  const HostState before = StateOf(host_);
  const auto vm = world->Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  ASSERT_TRUE(host_.records.RemoveVm("acme", vm->id).ok());
  world = Start();
  EXPECT_TRUE(host_.hypervisor.ListDomains()->empty());
  EXPECT_EQ(StateOf(host_).storage, before.storage);
  EXPECT_TRUE(host_.log.Has("removing a secondary's domain that has no record"));
}

TEST_F(ReconcilerTest, SaysWhenTheHypervisorCannotBeAsked) {
  BrokerWorld world(host_);
  host_.hypervisor.FailNext("ListDomains",
                            base::MakeError(absl::StatusCode::kUnavailable,
                                            base::Reason::kHypervisorUnavailable, "gone"));
  EXPECT_EQ(world.reconciler.ReconcileAtStart({}).code(), absl::StatusCode::kUnavailable);
}

TEST_F(ReconcilerTest, NoticesThatASecondaryOrAPrimaryStopped) {
  auto world = Start();
  ASSERT_TRUE(world->AddTenant("acme").ok());
  const auto vm = world->Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  world->reconciler.OnDomainStopped(vm->id);
  EXPECT_EQ(world->directory.GetVm("acme", "web")->state, VmState::kStopped);
  EXPECT_EQ(host_.records.Vms().at(vm->id).state, VmState::kStopped);
  world->reconciler.OnDomainStopped(host_.records.Tenants().at("acme").primary_uuid);
  EXPECT_EQ(host_.gate.DropsOf("acme"), 1);
  world->reconciler.OnDomainStopped("99999999-9999-4999-8999-999999999999");
  EXPECT_TRUE(world->Destroy("acme", "web").ok());
}

TEST_F(ReconcilerTest, RemovesASliceThatIsNobodysAnyMore) {
  auto world = Start();
  ASSERT_TRUE(world->AddTenant("acme").ok());
  ASSERT_TRUE(
      host_.cgroups.EnsureSlice("gone", {.memory_max_bytes = 1, .cpu_percent = 1, .tasks_max = 1})
          .ok());
  world->reconciler.RetryLeftovers();
  EXPECT_TRUE(host_.cgroups.Snapshot().contains("acme"));
  EXPECT_FALSE(host_.cgroups.Snapshot().contains("gone"));
}

}  // namespace
}  // namespace flatvm::broker
