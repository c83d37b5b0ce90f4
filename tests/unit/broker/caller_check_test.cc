#include "daemon/broker/caller_check.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "tests/support/broker_world.h"

namespace flatvm::broker {
namespace {

absl::Status Unavailable() {
  return base::MakeError(absl::StatusCode::kUnavailable, base::Reason::kHypervisorUnavailable,
                         "libvirt on the host cannot be reached");
}

class CallerCheckTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto result = world_.AddTenant("acme");
    ASSERT_TRUE(result.ok()) << result.status();
    cid_ = result->tenant.cid;
  }

  FakeHost host_;
  BrokerWorld world_{host_};
  base::VsockCid cid_;
};

TEST_F(CallerCheckTest, KnowsARunningPrimaryByItsCid) {
  const auto tenant = world_.callers.Identify(cid_);
  ASSERT_TRUE(tenant.ok()) << tenant.status();
  EXPECT_EQ(*tenant, "acme");
}

TEST_F(CallerCheckTest, RefusesASecondary) {
  const auto vm = world_.Create("acme", WebSpec());
  ASSERT_TRUE(vm.ok()) << vm.status();
  EXPECT_EQ(world_.callers.Identify(vm->cid).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CallerCheckTest, RefusesNobodysCid) {
  for (const uint32_t cid : {0U, 1U, 2U, 3U, 4242U, 0xFFFFFFFFU}) {
    EXPECT_EQ(world_.callers.Identify(base::VsockCid{cid}).status().code(),
              absl::StatusCode::kPermissionDenied)
        << cid;
  }
}

TEST_F(CallerCheckTest, RefusesThePrimarysCidWhileThePrimaryDoesNotRun) {
  host_.hypervisor.StopPrimary("acme-primary");
  EXPECT_EQ(world_.callers.Identify(cid_).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CallerCheckTest, RefusesAfterTheTenantWasRemoved) {
  ASSERT_TRUE(world_.tenants.Remove({.name = "acme"}).ok());
  EXPECT_EQ(world_.callers.Identify(cid_).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(CallerCheckTest, DropsOldConnectionsWhenThePrimaryHasBootedAgain) {
  ASSERT_TRUE(world_.callers.Identify(cid_).ok());
  EXPECT_EQ(host_.gate.DropsOf("acme"), 0);
  host_.hypervisor.StopPrimary("acme-primary");
  host_.hypervisor.StartPrimary("acme-primary");
  ASSERT_TRUE(world_.callers.Identify(cid_).ok());
  EXPECT_EQ(host_.gate.DropsOf("acme"), 1);
  EXPECT_EQ(host_.records.Tenants().at("acme").primary_boot_id,
            host_.hypervisor.GetPrimary("acme-primary")->boot_id);
}

TEST_F(CallerCheckTest, AnswersUnavailableUntilTheHypervisorCouldBeAsked) {
  host_.hypervisor.FailNext("GetPrimary", Unavailable());
  ASSERT_TRUE(world_.callers.Identify(cid_).ok());
  host_.hypervisor.FailNext("GetPrimary", Unavailable());
  const absl::Status status = world_.callers.ConfirmTenant("acme");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kHypervisorUnavailable);
  EXPECT_TRUE(world_.callers.ConfirmTenant("acme").ok());
}

TEST_F(CallerCheckTest, DropsAnUnverifiedCallerThatTurnsOutToBeAnother) {
  host_.hypervisor.FailNext("GetPrimary", Unavailable());
  ASSERT_TRUE(world_.callers.Identify(cid_).ok());
  host_.hypervisor.StopPrimary("acme-primary");
  EXPECT_EQ(world_.callers.ConfirmTenant("acme").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(host_.gate.DropsOf("acme"), 1);
}

TEST_F(CallerCheckTest, AbortsACreateWhosePrimaryWasRestartedMeanwhile) {
  const HostState before = StateOf(host_);
  host_.hypervisor.OnNextStartDomain([&] {
    host_.hypervisor.StopPrimary("acme-primary");
    host_.hypervisor.StartPrimary("acme-primary");
    ASSERT_TRUE(world_.callers.Identify(cid_).ok());
  });
  const auto vm = world_.Create("acme", WebSpec());
  EXPECT_EQ(vm.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(base::GetErrorInfo(vm.status()).reason, base::Reason::kPrimaryRestarted);
  EXPECT_TRUE(host_.hypervisor.ListDomains()->empty());
  EXPECT_EQ(StateOf(host_).storage, before.storage);
}

}  // namespace
}  // namespace flatvm::broker
