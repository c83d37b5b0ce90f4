#include "cgroups/systemd_cgroups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/cgroups/systemd_cgroups_fixture.h"

namespace flatvm::cgroups {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class SystemdCgroupsTest : public SystemdCgroupsFixture {};

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

TEST_F(SystemdCgroupsTest, ReadsWhatTheSliceUses) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
  EXPECT_EQ(*cgroups_.ReadUsage("acme"), SliceUsage{});
  WriteBelowSlice("memory.current", "4096\n");
  EXPECT_EQ(cgroups_.ReadUsage("acme")->memory_bytes, 4096U);
}

TEST_F(SystemdCgroupsTest, ExposesTheDomainsScopeAndReadsItsMemory) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
  const std::string scope = base::StrCat(kScope, "/");
  WriteBelowSlice(scope + "cgroup.events", "populated 1\n");
  WriteBelowSlice(scope + "memory.oom.group", "0\n");
  WriteBelowSlice(scope + "memory.stat", "anon 4096\nshmem 4096\n");
  WriteBelowSlice(scope + "libvirt/cgroup.procs", "100\n");
  host_.AddProcess(100, base::StrCat("/flatvm.slice/", kSlice, "/", kScope, "/libvirt/emulator"));
  ASSERT_EQ(cgroups_.ExposeToOomKiller("acme", 7), absl::OkStatus());
  EXPECT_EQ(ReadBelowSlice(scope + "memory.oom.group").substr(0, 1), "1");
  EXPECT_EQ(host_.OomScoreAdjustment(100), "1000");
  EXPECT_EQ(*cgroups_.ReadVmMemory("acme", 7), 8192U);
}

TEST_F(SystemdCgroupsTest, LeavesDomainsOfOtherTenants) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
  ASSERT_EQ(cgroups_.EnsureSlice("other", kLimits), absl::OkStatus());
  WriteBelowSlice(base::StrCat(kScope, "/memory.oom.group"), "0\n");
  EXPECT_EQ(cgroups_.ExposeToOomKiller("other", 7).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadBelowSlice(base::StrCat(kScope, "/memory.oom.group")), "0\n");
}

void ExpectUnavailable(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kServiceManagerUnavailable);
}

TEST_F(SystemdCgroupsTest, IsUnavailableWithoutABus) {
  systemd_.Stop();
  ExpectUnavailable(cgroups_.EnsureSlice("acme", kLimits));
  ExpectUnavailable(cgroups_.RemoveSlice("acme"));
  ExpectUnavailable(cgroups_.ListTenants().status());
}

TEST_F(SystemdCgroupsTest, ReadsWithoutABus) {
  ASSERT_TRUE(cgroups_.EnsureSlice("acme", kLimits).ok());
  systemd_.Stop();
  const auto limits = cgroups_.ReadLimits("acme");
  ASSERT_TRUE(limits.ok()) << limits.status();
  EXPECT_EQ(limits->memory_max_bytes, kLimits.memory_max_bytes);
  EXPECT_TRUE(cgroups_.ReadUsage("acme").ok());
  EXPECT_EQ(cgroups_.ReadLimits("globex").status().code(), absl::StatusCode::kNotFound);
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
