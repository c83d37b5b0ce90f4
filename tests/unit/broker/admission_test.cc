#include "daemon/broker/admission.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "daemon/base/error.h"

namespace flatvm::broker {
namespace {

constexpr Resources kLimits = {.memory_mib = 4096, .vcpus = 4, .vms = 8, .disk_mib = 20480};

TenantRecord Tenant() {
  TenantRecord tenant;
  tenant.limits = kLimits;
  tenant.primary_memory_mib = 512;
  tenant.primary_vcpus = 1;
  return tenant;
}

VmRecord Vm(const std::string& id, uint32_t memory_mib, uint32_t vcpus, uint32_t disk_mib) {
  VmRecord vm;
  vm.id = id;
  vm.spec = {.name = id, .memory_mib = memory_mib, .vcpus = vcpus, .disk_mib = disk_mib};
  return vm;
}

TEST(Admission, CountsThePrimaryItsOverheadAndTheFront) {
  const Settings settings{.vmm_overhead_mib = 64, .front_overhead_mib = 32};
  const Resources expected{.memory_mib = 512 + 64 + 32, .vcpus = 1, .vms = 0, .disk_mib = 0};
  EXPECT_EQ(BaseCost(Tenant(), settings), expected);
}

TEST(Admission, CountsEverySecondaryWhateverItsState) {
  const Settings settings{.vmm_overhead_mib = 64, .front_overhead_mib = 32};
  std::map<std::string, VmRecord> vms;
  for (const auto state :
       {VmState::kCreating, VmState::kRunning, VmState::kStopped, VmState::kDestroying}) {
    VmRecord vm = Vm(std::to_string(static_cast<int>(state)), 192, 1, 16);
    vm.state = state;
    vms.emplace(vm.id, vm);
  }
  const Resources expected{.memory_mib = 608 + 4 * 256, .vcpus = 5, .vms = 4, .disk_mib = 64};
  EXPECT_EQ(UsedBy(Tenant(), vms, {}, {}, settings), expected);
}

TEST(Admission, AdmitsUpToTheLimitAndNotOneMore) {
  const Resources used{.memory_mib = 4000, .vcpus = 3, .vms = 7, .disk_mib = 20479};
  EXPECT_TRUE(Admit(kLimits, used, {.memory_mib = 96, .vcpus = 1, .vms = 1, .disk_mib = 1}).ok());
  EXPECT_FALSE(Admit(kLimits, used, {.memory_mib = 97, .vcpus = 1, .vms = 1, .disk_mib = 1}).ok());
  EXPECT_FALSE(Admit(kLimits, used, {.memory_mib = 96, .vcpus = 2, .vms = 1, .disk_mib = 1}).ok());
  EXPECT_FALSE(Admit(kLimits, used, {.memory_mib = 96, .vcpus = 1, .vms = 2, .disk_mib = 1}).ok());
  EXPECT_FALSE(Admit(kLimits, used, {.memory_mib = 96, .vcpus = 1, .vms = 1, .disk_mib = 2}).ok());
}

TEST(Admission, SaysWhichLimitAndItsNumbers) {
  const Resources used{.memory_mib = 4000, .vcpus = 1, .vms = 1, .disk_mib = 0};
  const absl::Status status = Admit(kLimits, used, {.memory_mib = 200, .vcpus = 1, .vms = 1});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const base::ErrorInfo expected{.reason = base::Reason::kTenantMemoryLimit,
                                 .limit = "memory_mib",
                                 .limit_value = 4096,
                                 .asked = 200,
                                 .used = 4000,
                                 .left = 96};
  EXPECT_EQ(base::GetErrorInfo(status), expected);
}

TEST(Admission, NamesEachLimit) {
  const Resources full = kLimits;
  EXPECT_EQ(base::GetErrorInfo(Admit(kLimits, full, {.memory_mib = 1})).reason,
            base::Reason::kTenantMemoryLimit);
  EXPECT_EQ(base::GetErrorInfo(Admit(kLimits, full, {.vcpus = 1})).reason,
            base::Reason::kTenantVcpuLimit);
  EXPECT_EQ(base::GetErrorInfo(Admit(kLimits, full, {.vms = 1})).reason,
            base::Reason::kTenantVmLimit);
  EXPECT_EQ(base::GetErrorInfo(Admit(kLimits, full, {.disk_mib = 1})).reason,
            base::Reason::kTenantDiskLimit);
}

TEST(Admission, NeitherWrapsAroundNorAdmitsTheLargestNumbers) {
  constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
  const Resources cost =
      CostOf({.memory_mib = kMost, .vcpus = kMost, .disk_mib = kMost}, Settings{});
  EXPECT_EQ(cost.memory_mib, kMost);
  EXPECT_FALSE(Admit(kLimits, Resources{}, cost).ok());
  std::map<std::string, VmRecord> vms;
  for (const char* id : {"a", "b"}) vms.emplace(id, Vm(id, kMost, kMost, kMost));
  EXPECT_EQ(UsedBy(Tenant(), vms, {}, {}, Settings{}).vcpus, kMost);
}

TEST(Admission, LeavesNothingWhereMoreIsUsedThanAllowed) {
  const Resources used{.memory_mib = 5000, .vcpus = 1, .vms = 0, .disk_mib = 0};
  EXPECT_EQ(LeftOf(kLimits, used).memory_mib, 0U);
  EXPECT_EQ(LeftOf(kLimits, used).vcpus, 3U);
}

// Whatever is asked in whatever order: what was admitted never adds up to more than the limit.
TEST(Admission, NeverAdmitsMoreThanTheLimitsInAnyOrder) {
  std::mt19937 random(7);
  std::uniform_int_distribution<uint32_t> amount(0, 900);
  const Settings settings;
  for (int round = 0; round < 50; ++round) {
    std::map<std::string, VmRecord> vms;
    for (int i = 0; i < 60; ++i) {
      const VmRecord vm =
          Vm(std::to_string(i), amount(random), amount(random) % 3, amount(random) * 10);
      const Resources used = UsedBy(Tenant(), vms, {}, {}, settings);
      if (Admit(kLimits, used, CostOf(vm.spec, settings)).ok()) vms.emplace(vm.id, vm);
      if (!vms.empty() && i % 7 == 0) vms.erase(vms.begin());
      const Resources now = UsedBy(Tenant(), vms, {}, {}, settings);
      ASSERT_LE(now.memory_mib, kLimits.memory_mib);
      ASSERT_LE(now.vcpus, kLimits.vcpus);
      ASSERT_LE(now.vms, kLimits.vms);
      ASSERT_LE(now.disk_mib, kLimits.disk_mib);
    }
  }
}

TEST(Admission, GrantsACarvedPrimaryWhatNobodyElseHas) {
  const Settings settings{.vmm_overhead_mib = 64, .front_overhead_mib = 32};
  const Resources limits{.memory_mib = 1024 + 96, .vcpus = 4, .vms = 4, .disk_mib = 0};
  TenantRecord tenant;
  tenant.limits = limits;
  tenant.primary_memory_mib = 1024;
  tenant.primary_vcpus = 4;
  tenant.carve = {.mode = CarveMode::kBalloon, .primary_min_memory_mib = 256};
  std::map<std::string, VmRecord> vms;
  EXPECT_EQ(GrantOf(tenant, limits, vms, settings), (PrimaryGrant{1024, 400}));
  vms["a"].spec = {.memory_mib = 200, .vcpus = 1};
  EXPECT_EQ(GrantOf(tenant, limits, vms, settings), (PrimaryGrant{1024 - 264, 300}));
  // A tenant with more than its primary needs takes from the surplus first.
  const Resources more{.memory_mib = 1500, .vcpus = 5, .vms = 4, .disk_mib = 0};
  EXPECT_EQ(GrantOf(tenant, more, vms, settings), (PrimaryGrant{1024, 400}));
  // Less than it keeps at least is never asked of it, also where the limits were forced below.
  const Resources less{.memory_mib = 300, .vcpus = 1, .vms = 4, .disk_mib = 0};
  EXPECT_EQ(GrantOf(tenant, less, vms, settings), (PrimaryGrant{256, 100}));
  tenant.carve = {};
  EXPECT_EQ(GrantOf(tenant, less, vms, settings), (PrimaryGrant{1024, 400}));
}

}  // namespace
}  // namespace flatvm::broker
