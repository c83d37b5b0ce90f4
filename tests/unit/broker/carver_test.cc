#include "daemon/broker/carver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using fakes::BalloonGuest;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

// initech's primary has 2048 MiB and 4 vCPUs, all that its tenant may have.
class CarverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto added = world_.AddCarvedTenant("initech");
    ASSERT_TRUE(added.ok()) << added.status();
  }

  fakes::FakeRun Primary() { return host_.hypervisor.Snapshot().primaries["initech-primary"].run; }

  void MakeGuest(BalloonGuest guest, uint32_t slow_reads = 0) {
    host_.hypervisor.SetBalloonGuest("initech-primary", guest, slow_reads);
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(CarverTest, TakesASecondaryOutOfThePrimaryAndGivesItBack) {
  const auto vm = world_.Create("initech", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  // Its 192 MiB and the VMM's 64; one of four vCPUs.
  EXPECT_EQ(Primary().actual_mib, 2048U - 192 - 64);
  EXPECT_EQ(Primary().cpu_percent, 300U);
  EXPECT_EQ(host_.hypervisor.Snapshot().domains.at(vm->id).cpu_quota_percent, 100U);
  ASSERT_TRUE(world_.Destroy("initech", "web").ok());
  EXPECT_EQ(Primary().actual_mib, 2048U);
  EXPECT_EQ(Primary().cpu_percent, 400U);
}

TEST_F(CarverTest, IsAStageOfTheCreate) {
  const auto vm = world_.Create("initech", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  std::vector<std::string> names;
  for (const StageDuration& stage : vm->stages) names.push_back(stage.stage);
  EXPECT_EQ(names,
            (std::vector<std::string>{"admit", "carve", "address", "disk", "domain", "commit"}));
}

TEST_F(CarverTest, TakesNothingFromATenantWithAReserve) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  const auto run = host_.hypervisor.Snapshot().primaries["acme-primary"].run;
  EXPECT_EQ(run.actual_mib, run.maximum_mib);
  EXPECT_EQ(run.cpu_percent, 0U);
  EXPECT_EQ(host_.hypervisor.Snapshot().domains.at(vm->id).cpu_quota_percent, 0U);
}

TEST_F(CarverTest, WaitsForASlowGuest) {
  MakeGuest(BalloonGuest::kSlow, 20);
  EXPECT_TRUE(world_.Create("initech", WebSpec()).ok());
  EXPECT_EQ(Primary().actual_mib, 2048U - 192 - 64);
}

TEST_F(CarverTest, GivesUpOnAGuestThatKeepsItsMemoryAndPutsEverythingBack) {
  for (const auto& [guest, text] : {std::pair(BalloonGuest::kKeeps, "still had 2048 MiB"),
                                    std::pair(BalloonGuest::kNoDriver, "no balloon driver")}) {
    MakeGuest(guest);
    const HostState before = StateOf(host_);
    const Resources used = world_.Used("initech");
    const auto begun = host_.clock.Steady();
    const auto vm = world_.Create("initech", WebSpec());
    EXPECT_EQ(vm.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(ReasonOf(vm.status()), Reason::kPrimaryKeepsMemory);
    EXPECT_NE(vm.status().message().find(text), std::string::npos) << vm.status();
    EXPECT_LT(host_.clock.Steady() - begun,
              world_.settings.carve_timeout + std::chrono::seconds(1));
    HostState after = StateOf(host_);
    // It is asked to keep everything again, as it was before it was ever asked.
    auto& run = after.hypervisor.primaries["initech-primary"].run;
    EXPECT_EQ(run.target_mib, 2048U);
    EXPECT_EQ(run.cpu_percent, 400U);
    run = before.hypervisor.primaries.at("initech-primary").run;
    EXPECT_EQ(after, before);
    EXPECT_EQ(world_.Used("initech"), used);
  }
}

// What the balloon says, the guest says.
TEST_F(CarverTest, DoesNotBelieveABalloonThatThePrimarysCgroupBelies) {
  const uint32_t domain_id = Primary().domain_id;
  host_.cgroups.SetVmMemory("initech", domain_id, 2048 * base::kMebibyte);
  const auto vm = world_.Create("initech", WebSpec());
  EXPECT_EQ(ReasonOf(vm.status()), Reason::kPrimaryKeepsMemory) << vm.status();
  host_.cgroups.SetVmMemory("initech", domain_id, (2048 - 192) * base::kMebibyte);
  EXPECT_TRUE(world_.Create("initech", WebSpec()).ok());
}

TEST_F(CarverTest, NeverGoesBelowThePrimarysMinimum) {
  VmSpec spec = WebSpec();
  spec.memory_mib = 2048 - 128 - 64;
  ASSERT_TRUE(world_.Create("initech", spec).ok());
  EXPECT_EQ(Primary().actual_mib, 128U);
  const auto more = world_.Create("initech", WebSpec("more"));
  EXPECT_EQ(ReasonOf(more.status()), Reason::kTenantMemoryLimit);
  EXPECT_EQ(base::GetErrorInfo(more.status()).left, 0U);
  EXPECT_EQ(Primary().actual_mib, 128U);
}

TEST_F(CarverTest, RefusesAPrimaryThatRunsOutsideOfItsSlice) {
  ASSERT_TRUE(world_.tenants.Remove({.name = "initech", .restart = PrimaryRestart::kRestart}).ok());
  ASSERT_TRUE(world_.tenants
                  .Create({.name = "initech",
                           .primary = "initech-primary",
                           .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 1024},
                           .carve = {.mode = CarveMode::kBalloon, .primary_min_memory_mib = 128}})
                  .ok());
  EXPECT_EQ(ReasonOf(world_.Create("initech", WebSpec()).status()), Reason::kPrimaryNeedsRestart);
}

TEST_F(CarverTest, TakesAnewFromAPrimaryThatWasRestarted) {
  ASSERT_TRUE(world_.Create("initech", WebSpec()).ok());
  host_.hypervisor.StopPrimary("initech-primary");
  host_.hypervisor.StartPrimary("initech-primary");
  EXPECT_EQ(Primary().actual_mib, 2048U);
  world_.reconciler.OnDomainStarted(host_.hypervisor.Snapshot().primaries["initech-primary"].uuid);
  EXPECT_EQ(Primary().actual_mib, 2048U - 192 - 64);
  EXPECT_EQ(Primary().cpu_percent, 300U);
}

TEST_F(CarverTest, GivesBackLaterWhatCouldNotBeGivenBackAtOnce) {
  ASSERT_TRUE(world_.Create("initech", WebSpec()).ok());
  host_.primary_share.FailNext("SetMemory", absl::UnavailableError("away"));
  EXPECT_TRUE(world_.Destroy("initech", "web").ok());
  EXPECT_EQ(Primary().actual_mib, 2048U - 192 - 64);
  world_.reconciler.RepairLimits();
  EXPECT_EQ(Primary().actual_mib, 2048U);
}

TEST_F(CarverTest, LeavesAFormerPrimaryWithAllItHad) {
  ASSERT_TRUE(world_.Create("initech", WebSpec()).ok());
  ASSERT_TRUE(
      world_.tenants.Remove({.name = "initech", .secondaries = Secondaries::kDestroy}).ok());
  EXPECT_EQ(Primary().actual_mib, 2048U);
  EXPECT_EQ(Primary().cpu_percent, 0U);
}

TEST_F(CarverTest, ServesAnEarlierCreateWhileALaterOneStillWaits) {
  // The fake clock runs fast.
  world_.settings.carve_timeout = world_.settings.create_timeout = std::chrono::hours(24 * 365);
  MakeGuest(BalloonGuest::kKeeps);
  std::atomic<bool> first_done = false;
  std::atomic<bool> second_done = false;
  std::thread first([&] {
    EXPECT_TRUE(world_.Create("initech", WebSpec("first")).ok());
    first_done = true;
  });
  while (Primary().target_mib != 2048 - 256) std::this_thread::yield();
  std::thread second([&] {
    EXPECT_TRUE(world_.Create("initech", WebSpec("second")).ok());
    second_done = true;
  });
  while (Primary().target_mib != 2048 - 512) std::this_thread::yield();
  EXPECT_FALSE(first_done);
  host_.hypervisor.SetKeptMemory("initech-primary", 2048 - 256);
  first.join();
  EXPECT_FALSE(second_done);
  MakeGuest(BalloonGuest::kCooperates);
  second.join();
  EXPECT_EQ(Primary().actual_mib, 2048U - 512);
}

TEST_F(CarverTest, NeverOversubscribesWithManyCallers) {
  MakeGuest(BalloonGuest::kSlow, 2);
  std::atomic<bool> over = false;
  const auto check = [&] {
    const auto state = host_.hypervisor.Snapshot();
    uint64_t memory_mib = state.primaries.at("initech-primary").run.actual_mib + 64 + 64;
    uint32_t cpu_percent = 0;
    for (const auto& [id, domain] : state.domains) {
      memory_mib += domain.memory_mib + 64;
      cpu_percent += domain.cpu_quota_percent;
    }
    const uint32_t quota = state.primaries.at("initech-primary").run.cpu_percent;
    if (memory_mib > 2176 || (quota != 0 && quota + cpu_percent > 400)) over = true;
  };
  std::vector<std::thread> callers;
  for (int i = 0; i < 6; ++i) {
    callers.emplace_back([&, i] {
      for (int round = 0; round < 25; ++round) {
        const std::string name = base::StrCat("vm-", i);
        const bool made = world_.Create("initech", WebSpec(name)).ok();
        check();
        EXPECT_EQ(world_.Destroy("initech", name).ok(), made);
        check();
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_FALSE(over);
  EXPECT_EQ(Primary().actual_mib, 2048U);
  EXPECT_EQ(Primary().cpu_percent, 400U);
}

}  // namespace
}  // namespace flatvm::broker
