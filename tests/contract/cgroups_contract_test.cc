// What every TenantCgroups does: the fake, the real one on a fake systemd, and the real one on the
// host's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <ostream>
#include <string>

#include "cgroups/cgroup_dir.h"
#include "cgroups/systemd_cgroups.h"
#include "cgroups/tenant_cgroups.h"
#include "daemon/base/error.h"
#include "tests/fakes/fake_cgroups.h"
#include "tests/fakes/fake_systemd.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::cgroups {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;

// One implementation and all that it stands on.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual TenantCgroups& cgroups() = 0;
};

class FakeSubject final : public Subject {
 public:
  TenantCgroups& cgroups() override { return cgroups_; }

 private:
  fakes::FakeCgroups cgroups_;
};

class FakeSystemdSubject final : public Subject {
 public:
  TenantCgroups& cgroups() override { return cgroups_; }

 private:
  fakes::TempDir root_;
  fakes::FakeSystemd systemd_{root_.path()};
  SystemdCgroups cgroups_{{.cgroup_root = root_.path(),
                           .open_bus = [this](sd_bus** bus) { return systemd_.Open(bus); }}};
};

class SystemdSubject final : public Subject {
 public:
  TenantCgroups& cgroups() override { return cgroups_; }

 private:
  SystemdCgroups cgroups_{{}};
};

struct Implementation {
  const char* name;
  std::unique_ptr<Subject> (*make)();
  std::string (*find_lack)();  // what the machine lacks for it; empty: nothing
};

void PrintTo(const Implementation& implementation, std::ostream* out) {
  *out << implementation.name;
}

std::string LackNothing() { return ""; }

std::string FindHostLack() {
  std::ifstream file("/sys/fs/cgroup/cgroup.controllers");
  if (!file) return "cgroup v2 at /sys/fs/cgroup";
  const std::string controllers(std::istreambuf_iterator<char>(file), {});
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (controllers.find(controller) == std::string::npos) {
      return std::string("the cgroup controller ") + controller;
    }
  }
  if (!std::filesystem::exists("/run/systemd/system")) return "systemd as the service manager";
  if (::geteuid() != 0) return "root";
  return "";
}

template <typename T>
std::unique_ptr<Subject> Make() {
  return std::make_unique<T>();
}

class TenantCgroupsContract : public ::testing::TestWithParam<Implementation> {
 protected:
  static constexpr const char* kTenant = "contract-test-a";
  static constexpr const char* kOther = "contract-test-b";
  static constexpr SliceLimits kLimits{
      .memory_max_bytes = uint64_t{256} << 20U, .cpu_percent = 150, .tasks_max = 64};

  void SetUp() override {
    if (const std::string lack = GetParam().find_lack(); !lack.empty()) {
      GTEST_SKIP() << "this machine lacks " << lack;
    }
    subject_ = GetParam().make();
  }
  void TearDown() override {
    if (subject_ == nullptr) return;
    EXPECT_TRUE(cgroups().RemoveSlice(kTenant).ok());
    EXPECT_TRUE(cgroups().RemoveSlice(kOther).ok());
  }

  TenantCgroups& cgroups() { return subject_->cgroups(); }

 private:
  std::unique_ptr<Subject> subject_;
};

TEST_P(TenantCgroupsContract, EnsureMakesASliceThatHasTheLimits) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, kLimits), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kTenant), kLimits);
  EXPECT_THAT(*cgroups().ListTenants(), Contains(kTenant));
}

TEST_P(TenantCgroupsContract, EnsureIsIdempotentAndAdjusts) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, kLimits), absl::OkStatus());
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, kLimits), absl::OkStatus());
  for (const uint32_t percent : {300U, 50U}) {
    const SliceLimits other{
        .memory_max_bytes = uint64_t{percent} << 20U, .cpu_percent = percent, .tasks_max = percent};
    ASSERT_EQ(cgroups().EnsureSlice(kTenant, other), absl::OkStatus());
    EXPECT_EQ(*cgroups().ReadLimits(kTenant), other);
  }
}

TEST_P(TenantCgroupsContract, TenantsDoNotShareASlice) {
  SliceLimits other = kLimits;
  other.tasks_max = 65;
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, kLimits), absl::OkStatus());
  ASSERT_EQ(cgroups().EnsureSlice(kOther, other), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kTenant), kLimits);
  EXPECT_EQ(*cgroups().ReadLimits(kOther), other);
  ASSERT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kOther), other);
}

TEST_P(TenantCgroupsContract, RemoveLeavesNothingAndSucceedsIfAbsent) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, kLimits), absl::OkStatus());
  ASSERT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
  EXPECT_EQ(cgroups().ReadLimits(kTenant).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(*cgroups().ListTenants(), Not(Contains(kTenant)));
  EXPECT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
}

TEST_P(TenantCgroupsContract, ASliceThatWasRemovedCanBeMadeAnew) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, kLimits), absl::OkStatus());
  ASSERT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
  SliceLimits other = kLimits;
  other.memory_max_bytes /= 2;
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, other), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kTenant), other);
}

TEST_P(TenantCgroupsContract, ReadLimitsIsNotFoundWithoutASlice) {
  const absl::Status status = cgroups().ReadLimits(kTenant).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kTenantNotFound);
}

TEST_P(TenantCgroupsContract, BugsOfTheCallersAreInternal) {
  for (const char* tenant : {"", "A", "../x", "-a", "a/b", "a.slice"}) {
    EXPECT_EQ(cgroups().EnsureSlice(tenant, kLimits).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().RemoveSlice(tenant).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().ReadLimits(tenant).status().code(), absl::StatusCode::kInternal);
  }
  for (const SliceLimits& limits :
       {SliceLimits{.memory_max_bytes = 0, .cpu_percent = 1, .tasks_max = 1},
        SliceLimits{.memory_max_bytes = 1, .cpu_percent = 0, .tasks_max = 1},
        SliceLimits{.memory_max_bytes = 1, .cpu_percent = 1, .tasks_max = 0}}) {
    EXPECT_EQ(cgroups().EnsureSlice(kTenant, limits).code(), absl::StatusCode::kInternal);
  }
  EXPECT_THAT(*cgroups().ListTenants(), Not(Contains(kTenant)));
}

INSTANTIATE_TEST_SUITE_P(
    All, TenantCgroupsContract,
    ::testing::Values(Implementation{"Fake", &Make<FakeSubject>, &LackNothing},
                      Implementation{"OnFakeSystemd", &Make<FakeSystemdSubject>, &LackNothing},
                      Implementation{"OnHostSystemd", &Make<SystemdSubject>, &FindHostLack}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(FakeCgroups, FailsTheNextCallOfAMethodOnceAndBeforeAnyEffect) {
  fakes::FakeCgroups cgroups;
  const SliceLimits limits{.memory_max_bytes = 1, .cpu_percent = 1, .tasks_max = 1};
  cgroups.FailNext("EnsureSlice", absl::UnavailableError("x"));
  EXPECT_EQ(cgroups.EnsureSlice("acme", limits).code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(cgroups.Snapshot(), IsEmpty());
  EXPECT_TRUE(cgroups.EnsureSlice("acme", limits).ok());
  EXPECT_EQ(cgroups.Snapshot().at("acme"), limits);
}

}  // namespace
}  // namespace flatvm::cgroups
