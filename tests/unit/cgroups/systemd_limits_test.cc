#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "cgroups/systemd_cgroups.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/cgroups/systemd_cgroups_fixture.h"

namespace flatvm::cgroups {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SystemdLimitsTest : public SystemdCgroupsFixture {};

TEST_F(SystemdLimitsTest, StartsATransientSliceWithTheLimits) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kAllLimits), absl::OkStatus());

  EXPECT_THAT(systemd_.calls(), Contains("StartTransientUnit flatvm-acme.slice"));
  const fakes::FakeSlice slice = systemd_.slices().at(kSlice);
  EXPECT_EQ(slice.description, "flatvm tenant acme");
  const std::map<std::string, uint64_t> wanted = {{"MemoryMax", uint64_t{4} << 30U},
                                                  {"MemoryHigh", uint64_t{3} << 30U},
                                                  {"MemorySwapMax", 0},
                                                  {"CPUQuotaPerSecUSec", 4'000'000},
                                                  {"TasksMax", 1024},
                                                  {"CPUAccounting", 1},
                                                  {"IOAccounting", 1},
                                                  {"MemoryAccounting", 1},
                                                  {"TasksAccounting", 1}};
  EXPECT_EQ(slice.properties, wanted);
  EXPECT_THAT(slice.cpus, ElementsAre(1, 2, 3, 10));
  const std::map<std::string, std::map<std::string, uint64_t>> of_disk = {
      {"IOReadBandwidthMax", {{"/dev/block/254:0", 1'000'000}}},
      {"IOWriteBandwidthMax", {{"/dev/block/254:0", 2}}},
      {"IOReadIOPSMax", {{"/dev/block/254:0", 3}}},
      {"IOWriteIOPSMax", {{"/dev/block/254:0", 4}}}};
  EXPECT_EQ(slice.device_limits, of_disk);
}

TEST_F(SystemdLimitsTest, SaysThatThereIsNoLimit) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
  const fakes::FakeSlice slice = systemd_.slices().at(kSlice);
  EXPECT_EQ(slice.properties.at("MemoryHigh"), UINT64_MAX);
  EXPECT_THAT(slice.cpus, IsEmpty());
  for (const auto& [property, limits] : slice.device_limits) EXPECT_THAT(limits, IsEmpty());
  EXPECT_EQ(slice.device_limits.size(), 4U);
}

TEST_F(SystemdLimitsTest, RemovesLimitsThatAreNoLongerAskedFor) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kAllLimits), absl::OkStatus());
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
  EXPECT_EQ(*cgroups_.ReadLimits("acme"), kLimits);
  EXPECT_EQ(ReadBelowSlice("io.max"), "");
}

TEST_F(SystemdLimitsTest, RemovesSomeLimitsOfIoAndKeepsOthers) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kAllLimits), absl::OkStatus());
  SliceLimits fewer = kAllLimits;
  fewer.io = IoLimits{.write_bytes = 5};
  ASSERT_EQ(cgroups_.EnsureSlice("acme", fewer), absl::OkStatus());
  EXPECT_EQ(ReadBelowSlice("io.max"), "254:0 rbps=max wbps=5 riops=max wiops=max\n");
}

// The storage was moved to another disk.
TEST_F(SystemdLimitsTest, TakesLimitsOfIoAwayFromADiskThatWas) {
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kAllLimits), absl::OkStatus());
  host_.AddDisk("254:16", "vdb");
  host_.MountStorage(host_.Node("vdb"));
  EXPECT_EQ(cgroups_.ReadLimits("acme")->io, IoLimits{});
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kAllLimits), absl::OkStatus());
  EXPECT_EQ(ReadBelowSlice("io.max"), "254:16 rbps=1000000 wbps=2 riops=3 wiops=4\n");
}

TEST_F(SystemdLimitsTest, NeedsADiskForLimitsOfIoOnly) {
  host_.MountStorage("tmpfs");
  const absl::Status status = cgroups_.EnsureSlice("acme", kAllLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr(FakeHostTree::kStorageDir));
  EXPECT_THAT(systemd_.slices(), IsEmpty());
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
  EXPECT_EQ(*cgroups_.ReadLimits("acme"), kLimits);
}

// Linux 6.1 refuses to empty cpuset.cpus then, and systemd does not say so.
TEST_F(SystemdLimitsTest, GivesAllCpusBackToASliceThatAProcessRunsIn) {
  systemd_.FixFile("cgroup.events", "populated 1\nfrozen 0\n");
  ASSERT_EQ(cgroups_.EnsureSlice("acme", kAllLimits), absl::OkStatus());
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(cgroups_.EnsureSlice("acme", kLimits), absl::OkStatus());
    EXPECT_EQ(ReadBelowSlice("cpuset.cpus"), "0-15\n");
    EXPECT_EQ(*cgroups_.ReadLimits("acme"), kLimits);
  }
}

TEST_F(SystemdLimitsTest, NamesTheLimitThatTheKernelDidNotTake) {
  const std::map<std::string, std::string> kept = {
      {"memory.high", "max\n"}, {"cpuset.cpus", "\n"}, {"io.max", ""}};
  for (const auto& [file, content] : kept) {
    fakes::FakeSystemd systemd(root_.path());
    SystemdCgroups cgroups({.cgroup_root = root_.path(),
                            .storage_dir = FakeHostTree::kStorageDir,
                            .proc_root = host_.roots().proc,
                            .sys_root = host_.roots().sys,
                            .open_bus = [&](sd_bus** bus) { return systemd.Open(bus); }});
    systemd.FixFile(file, content);
    const absl::Status status = cgroups.EnsureSlice("acme", kAllLimits);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(base::Message(status)),
                HasSubstr(base::StrCat("the kernel has another ", file)));
  }
}

TEST_F(SystemdLimitsTest, DoesNotTrustSystemdButTheKernelsFiles) {
  systemd_.FixFile("memory.max", "max\n");
  const absl::Status status = cgroups_.EnsureSlice("acme", kLimits);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr("flatvm-acme.slice: the kernel has another memory.max than was set: wanted "
                        "4294967296, found max"));
}

TEST_F(SystemdLimitsTest, RefusesAKernelThatLetsTheTenantSwap) {
  systemd_.FixFile("memory.swap.max", "max\n");
  EXPECT_EQ(cgroups_.EnsureSlice("acme", kLimits).code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::cgroups
