#include "daemon/broker/tenant_lifecycle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

using base::Reason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TenantLifecycleTest : public ::testing::Test {
 protected:
  FakeHost host_;
  BrokerWorld world_{host_};
};

TEST_F(TenantLifecycleTest, GivesAPrimaryEverythingATenantHas) {
  const auto result = world_.AddTenant("acme");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->needs_restart, IsEmpty());
  EXPECT_EQ(result->tenant.cid.value, 1000U);
  EXPECT_EQ(result->tenant.address.ToString(), "10.213.0.2");
  const auto primary = host_.hypervisor.GetPrimary("acme-primary");
  ASSERT_TRUE(primary.ok());
  EXPECT_TRUE(primary->running);
  EXPECT_EQ(primary->live_cid.value, 1000U);
  EXPECT_EQ(primary->live_partition, "/flatvm/acme");
  EXPECT_THAT(primary->live_macs, ElementsAre(result->tenant.mac));
  EXPECT_THAT(primary->definition_xml, HasSubstr("pcie-root-port")) << "for volumes";
  EXPECT_EQ(result->tenant.undo.attachment.hotplug_slots, 8U);
  EXPECT_EQ(host_.cgroups.Snapshot().at("acme").memory_max_bytes, 4096 * base::kMebibyte);
  EXPECT_EQ(host_.cgroups.Snapshot().at("acme").cpu_percent, 400U);
  EXPECT_THAT(host_.gate.Open(), ElementsAre("acme"));
  EXPECT_EQ(host_.records.Tenants().at("acme").state, TenantState::kReady);
}

TEST_F(TenantLifecycleTest, ShowsWhatBecameOfItsFramesIfThatIsKnown) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  const network::Traffic traffic{.accepted = 5, .spoofed = 3, .refused = 2};
  host_.networks.SetTraffic(traffic);
  EXPECT_EQ(world_.directory.GetTenant("acme")->traffic, traffic);
  host_.networks.FailNext("GetTraffic", base::InternalError("ordered"));
  EXPECT_EQ(world_.directory.GetTenant("acme")->traffic, std::nullopt);
}

TEST_F(TenantLifecycleTest, SaysWhatNeedsARestartOfARunningPrimary) {
  host_.hypervisor.StartPrimary("acme-primary");
  const auto result = world_.AddTenant("acme", PrimaryRestart::kLeaveRunning);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->needs_restart, ElementsAre("vsock", "partition", "nic"));
}

TEST_F(TenantLifecycleTest, LeavesEverythingAsItWasAfterRemove) {
  const HostState before = StateOf(host_);
  ASSERT_TRUE(world_.AddTenant("acme", PrimaryRestart::kLeaveRunning).ok());
  const auto removed = world_.tenants.Remove({.name = "acme"});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(StateOf(host_), before);
  EXPECT_EQ(world_.directory.ListTenants().size(), 0U);
}

TEST_F(TenantLifecycleTest, LeavesNothingBehindWhicheverStepFails) {
  const HostState before = StateOf(host_);
  const absl::Status fault = base::InternalError("injected");
  const std::vector<std::pair<std::string, std::function<void()>>> steps = {
      // First: CIDs are remembered in blocks, and only the first of one is written.
      {"CID record", [&] { host_.records.FailNext("PutNextCid", fault); }},
      {"record", [&] { host_.records.FailNext("PutTenant", fault); }},
      {"storage", [&] { host_.storage.FailNext("EnsureTenant", fault); }},
      {"slice", [&] { host_.cgroups.FailNext("EnsureSlice", fault); }},
      {"network", [&] { host_.networks.FailNext("EnsureNetwork", fault); }},
      {"definition", [&] { host_.hypervisor.FailNext("AttachPrimary", fault); }},
      {"gate", [&] { host_.gate.FailNext("OpenTenant", fault); }},
      {"restart", [&] { host_.hypervisor.FailNext("RestartPrimary", fault); }},
      {"used CIDs", [&] { host_.hypervisor.FailNext("ListUsedCids", fault); }},
  };
  for (const auto& [name, arm] : steps) {
    arm();
    EXPECT_FALSE(world_.AddTenant("acme").ok()) << name;
    EXPECT_EQ(StateOf(host_), before) << name;
    EXPECT_EQ(world_.directory.ListTenants().size(), 0U) << name;
  }
  const auto result = world_.AddTenant("acme");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->tenant.subnet.ToString(), "10.213.0.0/24");
}

TEST_F(TenantLifecycleTest, ValidatesWithoutDoing) {
  const HostState before = StateOf(host_);
  const auto result = world_.tenants.Create({.name = "acme",
                                             .primary = "acme-primary",
                                             .mode = Mode::kValidateOnly,
                                             .limits = {.memory_mib = 4096, .vcpus = 4, .vms = 8}});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(StateOf(host_), before);
}

TEST_F(TenantLifecycleTest, RefusesWithCodeAndReason) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  host_.hypervisor.DefinePrimary("big", 8192, 8);
  const Resources limits{.memory_mib = 4096, .vcpus = 4, .vms = 8};
  struct Case {
    const char* what;
    CreateTenantOrder order;
    absl::StatusCode code;
    Reason reason;
    const char* field;
  };
  using C = absl::StatusCode;
  const std::vector<Case> cases = {
      {"bad name",
       {.name = "A", .primary = "globex-primary", .limits = limits},
       C::kInvalidArgument,
       Reason::kFieldMalformed,
       "name"},
      {"no primary",
       {.name = "b", .limits = limits},
       C::kInvalidArgument,
       Reason::kFieldMissing,
       "primary"},
      {"no limits",
       {.name = "b", .primary = "globex-primary"},
       C::kInvalidArgument,
       Reason::kFieldMissing,
       "limits.memory_mib"},
      {"not defined",
       {.name = "b", .primary = "nobody", .limits = limits},
       C::kNotFound,
       Reason::kPrimaryNotDefined,
       ""},
      {"name taken",
       {.name = "acme", .primary = "globex-primary", .limits = limits},
       C::kAlreadyExists,
       Reason::kTenantExists,
       "name"},
      {"primary taken",
       {.name = "b", .primary = "acme-primary", .limits = limits},
       C::kAlreadyExists,
       Reason::kPrimaryHasTenant,
       "primary"},
      {"primary too large",
       {.name = "b", .primary = "big", .limits = limits},
       C::kFailedPrecondition,
       Reason::kPrimaryTooLarge,
       "limits.memory_mib"},
  };
  const HostState before = StateOf(host_);
  for (const Case& c : cases) {
    const auto result = world_.tenants.Create(c.order);
    EXPECT_EQ(result.status().code(), c.code) << c.what << ": " << result.status();
    EXPECT_EQ(base::GetErrorInfo(result.status()).reason, c.reason) << c.what;
    if (*c.field != '\0') {
      EXPECT_EQ(base::GetErrorInfo(result.status()).field, c.field) << c.what;
    }
    EXPECT_EQ(StateOf(host_), before) << c.what;
  }
}

TEST_F(TenantLifecycleTest, RefusesToRemoveATenantWithSecondariesUnlessTold) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  ASSERT_TRUE(world_.Create("acme", WebSpec()).ok());
  const HostState before = StateOf(host_);
  const auto refused = world_.tenants.Remove({.name = "acme"});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::GetErrorInfo(refused.status()).reason, Reason::kTenantHasSecondaries);
  EXPECT_EQ(StateOf(host_), before);

  const auto removed =
      world_.tenants.Remove({.name = "acme", .secondaries = Secondaries::kDestroy});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(removed->destroyed_vms, 1U);
  EXPECT_TRUE(host_.hypervisor.ListDomains()->empty());
  EXPECT_TRUE(host_.records.Tenants().empty());
}

TEST_F(TenantLifecycleTest, SaysWhatARunningPrimaryStillHas) {
  ASSERT_TRUE(world_.AddTenant("acme").ok());
  const auto removed = world_.tenants.Remove({.name = "acme"});
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_THAT(removed->needs_restart, ElementsAre("vsock", "partition", "nic"));
}

TEST_F(TenantLifecycleTest, GoesOnWithARemoveThatFailed) {
  for (const char* op : {"CloseTenant", "DetachPrimary", "RemoveNetwork", "RemoveSlice"}) {
    ASSERT_TRUE(world_.AddTenant("acme").ok()) << op;
    host_.gate.FailNext(op, base::InternalError("injected"));
    host_.hypervisor.FailNext(op, base::InternalError("injected"));
    host_.networks.FailNext(op, base::InternalError("injected"));
    host_.cgroups.FailNext(op, base::InternalError("injected"));
    EXPECT_FALSE(world_.tenants.Remove({.name = "acme"}).ok()) << op;
    EXPECT_EQ(world_.Create("acme", WebSpec()).status().code(), absl::StatusCode::kAborted) << op;
    EXPECT_TRUE(world_.tenants.Remove({.name = "acme"}).ok()) << op;
    EXPECT_TRUE(host_.records.Tenants().empty()) << op;
    EXPECT_TRUE(host_.cgroups.Snapshot().empty()) << op;
  }
}

TEST_F(TenantLifecycleTest, ReusesASubnetButNotACid) {
  const auto first = world_.AddTenant("acme");
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(world_.tenants.Remove({.name = "acme"}).ok());
  const auto second = world_.AddTenant("acme");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->tenant.subnet, first->tenant.subnet);
  EXPECT_GT(second->tenant.cid, first->tenant.cid);
}

TEST_F(TenantLifecycleTest, DoesNotTakeACidThatADomainOfTheHostHas) {
  host_.hypervisor.AddForeignCid(base::VsockCid{1000});
  const auto result = world_.AddTenant("acme");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->tenant.cid.value, 1001U);
}

}  // namespace
}  // namespace flatvm::broker
