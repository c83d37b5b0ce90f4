#include "daemon/broker/update_tenant.h"

#include <gtest/gtest.h>

#include <string>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;

Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

class UpdateTenantTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(world_.AddTenant("acme").ok());
    ASSERT_TRUE(world_.AddTenant("globex").ok());
  }

  Resources Limits() { return world_.directory.GetTenant("acme")->record.limits; }
  cgroups::SliceLimits Slice(const std::string& tenant = "acme") {
    return host_.cgroups.Snapshot().at(tenant);
  }

  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(UpdateTenantTest, ChangesWhatIsNamedAndNothingElse) {
  const auto result = world_.updates.Update(
      {.name = "acme", .memory_mib = 2048, .cpus = std::vector<uint32_t>{0, 1}});
  ASSERT_TRUE(result.ok()) << result.status();
  const Resources wanted{.memory_mib = 2048, .vcpus = 4, .vms = 8, .disk_mib = 1024};
  EXPECT_EQ(Limits(), wanted);
  EXPECT_EQ(result->tenant.limits, wanted);
  EXPECT_EQ(host_.records.Tenants().at("acme").limits, wanted);
  EXPECT_EQ(Slice().memory_max_bytes, 2048 * base::kMebibyte);
  EXPECT_LT(Slice().memory_high_bytes, Slice().memory_max_bytes);
  EXPECT_EQ(Slice().cpus, (std::vector<uint32_t>{0, 1}));
  EXPECT_EQ(Slice().cpu_percent, 400U);
}

TEST_F(UpdateTenantTest, LimitsIoAndTakesTheLimitBack) {
  const cgroups::IoLimits io{.write_bytes = 10'000'000};
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .io = io}).ok());
  EXPECT_EQ(Slice().io, io);
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .io = cgroups::IoLimits{}}).ok());
  EXPECT_EQ(Slice().io, cgroups::IoLimits{});
}

TEST_F(UpdateTenantTest, RefusesLessThanIsInUseUnlessForced) {
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const HostState before = StateOf(host_);
  // In use: the primary's 512, the secondary's 192, twice the VMM's 64, the front's 64.
  const auto refused = world_.updates.Update({.name = "acme", .memory_mib = 800});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  const base::ErrorInfo info = base::GetErrorInfo(refused.status());
  EXPECT_EQ(info.reason, Reason::kTenantLimitsInUse);
  EXPECT_EQ(info.limit, "memory_mib");
  EXPECT_EQ(info.limit_value, 800U);
  EXPECT_EQ(info.used, 896U);
  EXPECT_EQ(StateOf(host_), before);

  const auto forced =
      world_.updates.Update({.name = "acme", .overuse = Overuse::kForce, .memory_mib = 800});
  ASSERT_TRUE(forced.ok()) << forced.status();
  ASSERT_EQ(forced->excess.size(), 1U);
  EXPECT_EQ(forced->excess[0], (Excess{.limit = "memory_mib", .limit_value = 800, .used = 896}));
  EXPECT_EQ(Slice().memory_max_bytes, 800 * base::kMebibyte);
  EXPECT_EQ(ReasonOf(world_.Create("acme", WebSpec("more")).status()), Reason::kTenantMemoryLimit);
}

TEST_F(UpdateTenantTest, PreviewsWhatWouldNoLongerFitAndChangesNothing) {
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const HostState before = StateOf(host_);
  const auto preview = world_.updates.Update(
      {.name = "acme", .mode = Mode::kValidateOnly, .memory_mib = 800, .vcpus = 1, .disk_mib = 8});
  ASSERT_TRUE(preview.ok()) << preview.status();
  std::vector<std::string> limits;
  for (const Excess& excess : preview->excess) limits.push_back(excess.limit);
  EXPECT_EQ(limits, (std::vector<std::string>{"memory_mib", "vcpus", "disk_mib"}));
  EXPECT_EQ(preview->tenant.limits.memory_mib, 800U);
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Limits().memory_mib, 4096U);
}

TEST_F(UpdateTenantTest, PutsEverythingBackWhicheverStepFails) {
  const HostState before = StateOf(host_);
  const absl::Status failure = absl::InternalError("as the test wants");
  host_.cgroups.FailNext("EnsureSlice", failure);
  EXPECT_FALSE(world_.updates.Update({.name = "acme", .memory_mib = 2048}).ok());
  host_.records.FailNext("PutTenant", failure);
  EXPECT_FALSE(world_.updates.Update({.name = "acme", .memory_mib = 2048}).ok());
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(Limits().memory_mib, 4096U);
  EXPECT_EQ(host_.records.Tenants().at("acme").limits.memory_mib, 4096U);
  EXPECT_TRUE(world_.updates.Update({.name = "acme", .memory_mib = 2048}).ok());
}

TEST_F(UpdateTenantTest, KeepsCpusOfTenantsApart) {
  world_.settings.host_cpus = {0, 1, 2, 3};
  ASSERT_TRUE(world_.updates.Update({.name = "acme", .cpus = std::vector<uint32_t>{0, 1}}).ok());
  const auto taken = world_.updates.Update({.name = "globex", .cpus = std::vector<uint32_t>{1, 2}});
  EXPECT_EQ(ReasonOf(taken.status()), Reason::kCpusTaken);
  EXPECT_NE(taken.status().message().find("CPU 1"), std::string::npos) << taken.status();
  EXPECT_TRUE(world_.updates.Update({.name = "globex", .cpus = std::vector<uint32_t>{2, 3}}).ok());
  // The same again is no conflict with oneself, and "all" is none with anybody.
  EXPECT_TRUE(world_.updates.Update({.name = "acme", .cpus = std::vector<uint32_t>{0, 1}}).ok());
  EXPECT_TRUE(world_.updates.Update({.name = "globex", .cpus = std::vector<uint32_t>{}}).ok());
}

TEST_F(UpdateTenantTest, RefusesWithCodeAndReason) {
  world_.settings.host_cpus = {0, 1};
  struct Case {
    UpdateTenantOrder order;
    absl::StatusCode code;
    Reason reason;
    const char* field;
  };
  const std::vector<Case> cases = {
      {{.name = "nobody", .vms = 1}, absl::StatusCode::kNotFound, Reason::kTenantNotFound, ""},
      {{.name = "acme", .memory_mib = 1},
       absl::StatusCode::kInvalidArgument,
       Reason::kFieldOutOfRange,
       "limits.memory_mib"},
      {{.name = "acme", .cpus = std::vector<uint32_t>{2}},
       absl::StatusCode::kInvalidArgument,
       Reason::kFieldOutOfRange,
       "cpus"},
      {{.name = "acme", .io = cgroups::IoLimits{.read_bytes = 0}},
       absl::StatusCode::kInvalidArgument,
       Reason::kFieldOutOfRange,
       "io.read_bytes"},
      {{.name = "acme", .carve = Carve{.mode = CarveMode::kBalloon}},
       absl::StatusCode::kInvalidArgument,
       Reason::kFieldMissing,
       "carve.primary_min_memory_mib"},
      {{.name = "acme", .carve = Carve{.mode = CarveMode::kBalloon, .primary_min_memory_mib = 513}},
       absl::StatusCode::kInvalidArgument,
       Reason::kFieldOutOfRange,
       "carve.primary_min_memory_mib"},
      {{.name = "acme", .carve = Carve{.primary_min_memory_mib = 128}},
       absl::StatusCode::kInvalidArgument,
       Reason::kFieldOutOfRange,
       "carve.primary_min_memory_mib"},
  };
  const HostState before = StateOf(host_);
  for (const Case& c : cases) {
    const absl::Status status = world_.updates.Update(c.order).status();
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_EQ(ReasonOf(status), c.reason) << status;
    EXPECT_EQ(base::GetErrorInfo(status).field, c.field) << status;
  }
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(UpdateTenantTest, ShrinksACarvedPrimaryBeforeTheKernelsLimitAndGrowsItAfter) {
  ASSERT_TRUE(world_.AddCarvedTenant("initech").ok());
  const auto primary = [&] { return host_.hypervisor.Snapshot().primaries["initech-primary"].run; };
  ASSERT_TRUE(world_.updates.Update({.name = "initech", .memory_mib = 1128, .vcpus = 2}).ok());
  EXPECT_EQ(primary().actual_mib, 1000U);
  EXPECT_EQ(primary().cpu_percent, 200U);
  ASSERT_TRUE(world_.updates.Update({.name = "initech", .memory_mib = 2176, .vcpus = 4}).ok());
  EXPECT_EQ(primary().actual_mib, 2048U);
  EXPECT_EQ(primary().cpu_percent, 400U);

  host_.hypervisor.SetBalloonGuest("initech-primary", fakes::BalloonGuest::kKeeps);
  const auto kept = world_.updates.Update({.name = "initech", .memory_mib = 1128});
  EXPECT_EQ(ReasonOf(kept.status()), Reason::kPrimaryKeepsMemory) << kept.status();
  EXPECT_EQ(Slice("initech").memory_max_bytes, 2176 * base::kMebibyte);
  EXPECT_EQ(primary().target_mib, 2048U);
}

TEST_F(UpdateTenantTest, MovesBetweenReserveAndBalloon) {
  ASSERT_TRUE(world_.AddCarvedTenant("initech").ok());
  const auto primary = [&] { return host_.hypervisor.Snapshot().primaries["initech-primary"].run; };
  ASSERT_TRUE(world_.Create("initech", WebSpec()).ok());
  // All of the primary and the secondary beside it are more than the limits.
  const auto refused = world_.updates.Update({.name = "initech", .carve = Carve{}});
  EXPECT_EQ(ReasonOf(refused.status()), Reason::kTenantLimitsInUse);
  ASSERT_TRUE(
      world_.updates.Update({.name = "initech", .memory_mib = 4096, .vcpus = 8, .carve = Carve{}})
          .ok());
  EXPECT_EQ(primary().actual_mib, 2048U);
  EXPECT_EQ(primary().cpu_percent, 0U);
  ASSERT_TRUE(
      world_.updates
          .Update({.name = "initech",
                   .memory_mib = 2176,
                   .vcpus = 4,
                   .carve = Carve{.mode = CarveMode::kBalloon, .primary_min_memory_mib = 256}})
          .ok());
  EXPECT_EQ(primary().actual_mib, 2048U - 192 - 64);
  EXPECT_EQ(primary().cpu_percent, 300U);
}

}  // namespace
}  // namespace flatvm::broker
