// What every TenantCgroups does: the fake, the real one on a fake systemd, and the real one on the
// host's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "cgroups/host_facts.h"
#include "cgroups/tenant_cgroups.h"
#include "daemon/base/error.h"
#include "tests/fakes/fake_cgroups.h"
#include "tests/unit/cgroups/contract_subjects.h"

namespace flatvm::cgroups {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

struct Implementation {
  const char* name;
  std::unique_ptr<Subject> (*make)();
  std::string (*find_lack)();  // what the machine lacks for it; empty: nothing
};

void PrintTo(const Implementation& implementation, std::ostream* out) {
  *out << implementation.name;
}

std::string LackNothing() { return ""; }

template <typename T>
std::unique_ptr<Subject> Make() {
  return std::make_unique<T>();
}

class TenantCgroupsContract : public ::testing::TestWithParam<Implementation> {
 protected:
  static constexpr const char* kTenant = "contract-test-a";
  static constexpr const char* kOther = "contract-test-b";
  const SliceLimits limits_{
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
  Subject& subject() { return *subject_; }

  void ExpectDomainNotFound(uint32_t domain_id) {
    for (const absl::Status& status : {cgroups().ExposeToOomKiller(kTenant, domain_id),
                                       cgroups().ReadVmMemory(kTenant, domain_id).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
      EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kVmNotFound);
    }
  }

  // limits_ and all that is optional and that the machine can do.
  SliceLimits AllLimits() {
    SliceLimits limits = limits_;
    limits.memory_high_bytes = uint64_t{200} << 20U;
    limits.cpus = {0};
    if (subject().HasDisk()) limits.io = IoLimits{uint64_t{50} << 20U, 1'000'000, 500, kNoLimit};
    return limits;
  }

 private:
  std::unique_ptr<Subject> subject_;
};

TEST_P(TenantCgroupsContract, EnsureMakesASliceThatHasTheLimits) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kTenant), limits_);
  EXPECT_THAT(*cgroups().ListTenants(), Contains(kTenant));
}

TEST_P(TenantCgroupsContract, EnsureIsIdempotentAndAdjusts) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  for (const uint32_t percent : {300U, 50U}) {
    const SliceLimits other{
        .memory_max_bytes = uint64_t{percent} << 20U, .cpu_percent = percent, .tasks_max = percent};
    ASSERT_EQ(cgroups().EnsureSlice(kTenant, other), absl::OkStatus());
    EXPECT_EQ(*cgroups().ReadLimits(kTenant), other);
  }
}

TEST_P(TenantCgroupsContract, EnsureSetsWhatIsOptionalAndTakesItBack) {
  if (ReadPossibleCpus(HostRoots{})->size() == 1) GTEST_SKIP() << "this machine lacks a second CPU";
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(cgroups().EnsureSlice(kTenant, AllLimits()), absl::OkStatus());
    EXPECT_EQ(*cgroups().ReadLimits(kTenant), AllLimits());
    ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
    EXPECT_EQ(*cgroups().ReadLimits(kTenant), limits_);
  }
}

TEST_P(TenantCgroupsContract, EnsureTakesBackOneLimitOfIo) {
  if (!subject().HasDisk()) GTEST_SKIP() << "this machine lacks a disk under its storage";
  SliceLimits limits = AllLimits();
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits), absl::OkStatus());
  limits.io.read_bytes = kNoLimit;
  limits.io.write_operations = 700;
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits), absl::OkStatus());
  EXPECT_EQ(cgroups().ReadLimits(kTenant)->io, limits.io);
}

TEST_P(TenantCgroupsContract, TenantsDoNotShareASlice) {
  SliceLimits other = limits_;
  other.tasks_max = 65;
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  ASSERT_EQ(cgroups().EnsureSlice(kOther, other), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kTenant), limits_);
  EXPECT_EQ(*cgroups().ReadLimits(kOther), other);
  ASSERT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kOther), other);
}

TEST_P(TenantCgroupsContract, RemoveLeavesNothingAndSucceedsIfAbsent) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  ASSERT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
  EXPECT_EQ(cgroups().ReadLimits(kTenant).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(*cgroups().ListTenants(), Not(Contains(kTenant)));
  EXPECT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
}

TEST_P(TenantCgroupsContract, ASliceThatWasRemovedCanBeMadeAnew) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  ASSERT_EQ(cgroups().RemoveSlice(kTenant), absl::OkStatus());
  SliceLimits other = limits_;
  other.memory_max_bytes /= 2;
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, other), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadLimits(kTenant), other);
}

TEST_P(TenantCgroupsContract, ReadLimitsIsNotFoundWithoutASlice) {
  const absl::Status status = cgroups().ReadLimits(kTenant).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kTenantNotFound);
}

TEST_P(TenantCgroupsContract, ReadUsageIsSmallForASliceThatNothingRunsIn) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  const absl::StatusOr<SliceUsage> usage = cgroups().ReadUsage(kTenant);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_LT(usage->memory_bytes, uint64_t{16} << 20U);
  EXPECT_LT(usage->cpu_us, 1'000'000U);
  EXPECT_EQ(usage->tasks, 0U);
  EXPECT_EQ(usage->oom_kills, 0U);
}

TEST_P(TenantCgroupsContract, ReadUsageIsNotFoundWithoutASlice) {
  const absl::Status status = cgroups().ReadUsage(kTenant).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kTenantNotFound);
}

TEST_P(TenantCgroupsContract, ADomainIsExposedAndItsMemoryRead) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  if (!subject().StartDomain(kTenant, 12, 4096)) return ExpectDomainNotFound(12);
  EXPECT_EQ(cgroups().ExposeToOomKiller(kTenant, 12), absl::OkStatus());
  EXPECT_EQ(cgroups().ExposeToOomKiller(kTenant, 12), absl::OkStatus());
  EXPECT_EQ(*cgroups().ReadVmMemory(kTenant, 12), 4096U);
}

TEST_P(TenantCgroupsContract, ADomainWithoutASliceIsNotFound) { ExpectDomainNotFound(12); }

TEST_P(TenantCgroupsContract, ADomainThatDoesNotRunIsNotFound) {
  ASSERT_EQ(cgroups().EnsureSlice(kTenant, limits_), absl::OkStatus());
  subject().StartDomain(kTenant, 12, 4096);
  if (subject().KnowsDomains()) ExpectDomainNotFound(1);
}

TEST_P(TenantCgroupsContract, BugsOfTheCallersAreInternal) {
  for (const char* tenant : {"", "A", "../x", "-a", "a/b", "a.slice"}) {
    EXPECT_EQ(cgroups().EnsureSlice(tenant, limits_).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().RemoveSlice(tenant).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().ReadLimits(tenant).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().ReadUsage(tenant).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().ExposeToOomKiller(tenant, 1).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(cgroups().ReadVmMemory(tenant, 1).status().code(), absl::StatusCode::kInternal);
  }
  EXPECT_THAT(*cgroups().ListTenants(), Not(Contains(kTenant)));
}

TEST_P(TenantCgroupsContract, LimitsThatNobodyMayAskForAreInternal) {
  const std::vector<void (*)(SliceLimits*)> bugs = {
      [](SliceLimits* limits) { limits->memory_max_bytes = 0; },
      [](SliceLimits* limits) { limits->memory_high_bytes = 0; },
      [](SliceLimits* limits) { limits->swap_max_bytes = 4096; },
      [](SliceLimits* limits) { limits->cpu_percent = 0; },
      [](SliceLimits* limits) {
        limits->cpus = {1, 0};
      },
      [](SliceLimits* limits) {
        limits->cpus = {1, 1};
      },
      [](SliceLimits* limits) { limits->cpus = {8192}; },
      [](SliceLimits* limits) { limits->tasks_max = 0; },
      [](SliceLimits* limits) { limits->io.read_bytes = 0; },
      [](SliceLimits* limits) { limits->io.write_operations = 0; }};
  for (const auto& bug : bugs) {
    SliceLimits limits = limits_;
    bug(&limits);
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
  for (const char* op : {"ReadUsage", "ExposeToOomKiller", "ReadVmMemory"}) {
    cgroups.FailNext(op, absl::UnavailableError("x"));
  }
  EXPECT_EQ(cgroups.ReadUsage("acme").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(cgroups.ExposeToOomKiller("acme", 1).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(cgroups.ReadVmMemory("acme", 1).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(cgroups.Exposed(), IsEmpty());
}

TEST(FakeCgroups, AnswersWhatATestSays) {
  fakes::FakeCgroups cgroups;
  SliceLimits limits{.memory_max_bytes = 1, .cpu_percent = 1, .tasks_max = 1};
  ASSERT_TRUE(cgroups.EnsureSlice("acme", limits).ok());
  limits.memory_max_bytes = kNoLimit;
  cgroups.SetLimits("acme", limits);
  EXPECT_EQ(*cgroups.ReadLimits("acme"), limits);
  cgroups.SetUsage("acme", SliceUsage{.tasks = 3});
  EXPECT_EQ(cgroups.ReadUsage("acme")->tasks, 3U);
  EXPECT_EQ(*cgroups.ReadVmMemory("acme", 7), 0U);
  cgroups.SetVmMemory("acme", 7, 4096);
  EXPECT_EQ(*cgroups.ReadVmMemory("acme", 7), 4096U);
  ASSERT_TRUE(cgroups.ExposeToOomKiller("acme", 7).ok());
  EXPECT_THAT(cgroups.Exposed(), ElementsAre(fakes::FakeCgroups::Domain("acme", 7)));
}

}  // namespace
}  // namespace flatvm::cgroups
