#include "cgroups/systemd_cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "cgroups/cgroup_dir.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/fakes/fake_systemd.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::cgroups {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSlice = "flatvm-acme.slice";
constexpr SliceLimits kLimits{
    .memory_max_bytes = uint64_t{4} << 30U, .cpu_percent = 400, .tasks_max = 1024};

class SystemdCgroupsTest : public ::testing::Test {
 protected:
  fakes::TempDir root_;
  fakes::FakeSystemd systemd_{root_.path()};
  SystemdCgroups cgroups_{{.cgroup_root = root_.path(),
                           .open_bus = [this](sd_bus** bus) { return systemd_.Open(bus); }}};
};

TEST_F(SystemdCgroupsTest, StartsATransientSliceWithTheLimits) {
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());

  EXPECT_THAT(systemd_.calls(), Contains("StartTransientUnit flatvm-acme.slice"));
  const fakes::FakeSlice slice = systemd_.slices().at(kSlice);
  EXPECT_EQ(slice.description, "flatvm tenant acme");
  const std::map<std::string, uint64_t> wanted = {{"MemoryMax", uint64_t{4} << 30U},
                                                  {"MemorySwapMax", 0},
                                                  {"CPUQuotaPerSecUSec", 4'000'000},
                                                  {"TasksMax", 1024},
                                                  {"CPUAccounting", 1},
                                                  {"IOAccounting", 1},
                                                  {"MemoryAccounting", 1},
                                                  {"TasksAccounting", 1}};
  EXPECT_EQ(slice.properties, wanted);
}

TEST_F(SystemdCgroupsTest, AdjustsASliceThatRunsWithoutRestartingIt) {
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  SliceLimits more = kLimits;
  more.memory_max_bytes *= 2;
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", more).ok());

  EXPECT_THAT(systemd_.calls(),
              ElementsAre("GetUnit flatvm-acme.slice", "StartTransientUnit flatvm-acme.slice",
                          "GetUnit flatvm-acme.slice", "GetUnit flatvm-acme.slice",
                          "SetUnitProperties flatvm-acme.slice", "GetUnit flatvm-acme.slice"));
  EXPECT_EQ(*cgroups_.ReadLimits("acme"), more);
}

TEST_F(SystemdCgroupsTest, TakesOverASliceThatSystemdMadeUpForAPrimary) {
  systemd_.AddSlice(kSlice, fakes::FakeSlice{.active = true});
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  EXPECT_THAT(systemd_.calls(), Contains("StartTransientUnit flatvm-acme.slice"));
  EXPECT_EQ(*cgroups_.ReadLimits("acme"), kLimits);
}

TEST_F(SystemdCgroupsTest, StartsASliceThatTheOperatorHasAFileFor) {
  systemd_.AddSlice(
      kSlice, fakes::FakeSlice{.active = false, .fragment_path = "/etc/systemd/system/x.slice"});
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  EXPECT_THAT(systemd_.calls(), Contains("StartUnit flatvm-acme.slice"));
  EXPECT_THAT(systemd_.calls(), Not(Contains("StartTransientUnit flatvm-acme.slice")));
}

TEST_F(SystemdCgroupsTest, AdjustsASliceThatAppearedInBetween) {
  systemd_.AddSlice(kSlice, fakes::FakeSlice{.active = true});
  systemd_.FailCall("StartTransientUnit", "org.freedesktop.systemd1.UnitExists");
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  EXPECT_EQ(*cgroups_.ReadLimits("acme"), kLimits);
}

TEST_F(SystemdCgroupsTest, DoesNotTrustSystemdButTheKernelsFiles) {
  systemd_.FixFile("memory.max", "max\n");
  const absl::Status status = cgroups_.EnsureSlice("acme", kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr("flatvm-acme.slice: the kernel has another memory.max than was set: wanted "
                        "4294967296, found max"));
}

TEST_F(SystemdCgroupsTest, RefusesAKernelThatLetsTheTenantSwap) {
  systemd_.FixFile("memory.swap.max", "max\n");
  EXPECT_EQ(cgroups_.EnsureSlice("acme", kLimits).code(), absl::StatusCode::kInternal);
}

TEST_F(SystemdCgroupsTest, SaysHowAJobEndedThatWasNotDone) {
  systemd_.EndJobWith("canceled");
  const absl::Status status = cgroups_.EnsureSlice("acme", kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("canceled"));

  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  systemd_.EndJobWith("timeout");
  EXPECT_EQ(cgroups_.RemoveSlice("acme").code(), absl::StatusCode::kInternal);
}

// A primary may run in it: stopping the slice would kill it.
TEST_F(SystemdCgroupsTest, LeavesASliceThatAProcessRunsIn) {
  systemd_.FixFile("cgroup.events", "populated 1\nfrozen 0\n");
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  EXPECT_EQ(cgroups_.RemoveSlice("acme").code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(cgroups_.ReadLimits("acme").ok());
}

TEST_F(SystemdCgroupsTest, KeepsSystemdsTextForTheJournal) {
  systemd_.FailCall("StartTransientUnit", "org.freedesktop.DBus.Error.AccessDenied");
  const absl::Status status = cgroups_.EnsureSlice("acme", kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("AccessDenied: as ordered"));
}

void ExpectUnavailable(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kServiceManagerUnavailable);
}

TEST_F(SystemdCgroupsTest, IsUnavailableWithoutABus) {
  systemd_.Stop();
  ExpectUnavailable(cgroups_.EnsureSlice("acme", kLimits));
  ExpectUnavailable(cgroups_.RemoveSlice("acme"));
  ExpectUnavailable(cgroups_.ReadLimits("acme").status());
  ExpectUnavailable(cgroups_.ListTenants().status());
}

TEST_F(SystemdCgroupsTest, IsUnavailableWhenTheBusGoesAwayAndWorksAgainWithTheNextCall) {
  for (const char* method : {"GetUnit", "Subscribe", "StartTransientUnit"}) {
    systemd_.HangUpAt(method);
    ExpectUnavailable(cgroups_.EnsureSlice("acme", kLimits));
  }
  EXPECT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
}

TEST_F(SystemdCgroupsTest, IsUnavailableWhenSystemdDoesNotAnswer) {
  for (const char* error :
       {"org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.ServiceUnknown",
        "org.freedesktop.DBus.Error.Disconnected", "org.freedesktop.DBus.Error.Timeout"}) {
    systemd_.FailCall("GetUnit", error);
    ExpectUnavailable(cgroups_.EnsureSlice("acme", kLimits));
  }
}

TEST_F(SystemdCgroupsTest, ListsTenantsAndNothingElse) {
  ASSERT_TRUE(cgroups_.EnsureSlice("my-team", kLimits).ok());
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  systemd_.AddSlice("flatvm-acme-child.slice", fakes::FakeSlice{});
  systemd_.AddSlice("flatvm-gone.slice", fakes::FakeSlice{.active = false});
  systemd_.AddSlice("machine-qemu.slice", fakes::FakeSlice{});
  EXPECT_THAT(*cgroups_.ListTenants(), ElementsAre("acme", "my-team"));
}

TEST_F(SystemdCgroupsTest, ServesSeveralThreads) {
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      const std::string tenant = base::StrCat("tenant-", i);
      EXPECT_TRUE(cgroups_.EnsureSlice(tenant, kLimits).ok());
      EXPECT_EQ(*cgroups_.ReadLimits(tenant), kLimits);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cgroups_.ListTenants()->size(), 4U);
}

}  // namespace
}  // namespace flatvm::cgroups
