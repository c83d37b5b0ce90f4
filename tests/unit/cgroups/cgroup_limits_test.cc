#include "cgroups/cgroup_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/cgroups/fake_cgroup.h"

namespace flatvm::cgroups {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseLimit, ReadsNumbersAndMax) {
  EXPECT_EQ(*ParseLimit("0\n"), 0U);
  EXPECT_EQ(*ParseLimit("4294967296\n"), 4294967296U);
  EXPECT_EQ(*ParseLimit("max\n"), kNoLimit);
}

TEST(ParseLimit, RefusesAnythingElse) {
  for (const char* bad : {"", "\n", "12", "max", "-1\n", "+1\n", " 1\n", "1 \n", "1x\n", "0x10\n",
                          "1\n2\n", "maximum\n", "18446744073709551616\n", "1.5\n"}) {
    EXPECT_EQ(ParseLimit(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

TEST(ParseCpuMax, ReadsQuotaPerPeriodAsPercent) {
  EXPECT_EQ(*ParseCpuMax("200000 100000\n"), 200U);
  EXPECT_EQ(*ParseCpuMax("25000 50000\n"), 50U);
  EXPECT_EQ(*ParseCpuMax("1000 100000\n"), 1U);
  EXPECT_EQ(*ParseCpuMax("100001 100000\n"), 101U);
  EXPECT_EQ(*ParseCpuMax("max 100000\n"), kNoCpuLimit);
}

TEST(ParseCpuMax, RefusesAnythingElse) {
  for (const char* bad : {"", "\n", " \n", "200000\n", "200000 100000", "200000 0\n",
                          "200000  100000\n", "200000 100000 1\n", "200000 max\n", "-1 100000\n",
                          "x 100000\n", " 100000\n", "max \n", "18446744073709551615 1\n",
                          "184467440737095516 1\n", "4294967295 1\n", "1 18446744073709551615\n"}) {
    EXPECT_EQ(ParseCpuMax(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

TEST(ParseCpusetCpus, ReadsAListOrNothing) {
  EXPECT_THAT(*ParseCpusetCpus("0-2,8\n"), ElementsAre(0, 1, 2, 8));
  EXPECT_THAT(*ParseCpusetCpus("\n"), IsEmpty());
}

TEST(ParseCpusetCpus, RefusesAnythingElse) {
  for (const char* bad : {"", "0", "all\n", "0-\n", "0 1\n", "0\n1\n", "8192\n", "\n\n"}) {
    EXPECT_EQ(ParseCpusetCpus(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

TEST(ParseIoMax, ReadsTheDevicesOwnLine) {
  const char* content =
      "8:0 rbps=1 wbps=2 riops=3 wiops=4\n"
      "254:0 rbps=1048576 wbps=max riops=max wiops=120\n";
  EXPECT_EQ(*ParseIoMax(content, "254:0"),
            (IoLimits{.read_bytes = 1048576, .write_operations = 120}));
  EXPECT_EQ(*ParseIoMax(content, "8:0"), (IoLimits{1, 2, 3, 4}));
}

TEST(ParseIoMax, IsNoLimitForAnotherDeviceAndNone) {
  EXPECT_EQ(*ParseIoMax("254:0 rbps=1 wbps=1 riops=1 wiops=1\n", "254:1"), IoLimits{});
  EXPECT_EQ(*ParseIoMax("254:0 rbps=1 wbps=1 riops=1 wiops=1\n", "25"), IoLimits{});
  EXPECT_EQ(*ParseIoMax("254:0 rbps=1 wbps=1 riops=1 wiops=1\n", ""), IoLimits{});
  EXPECT_EQ(*ParseIoMax("", "254:0"), IoLimits{});
}

TEST(ParseIoMax, PassesOverKeysOfOtherKernels) {
  EXPECT_EQ(*ParseIoMax("254:0 rbps=7 latency=5\n", "254:0"), (IoLimits{.read_bytes = 7}));
}

TEST(ParseIoMax, RefusesAnythingElse) {
  for (const char* bad : {"\n", "254:0\n", "254:0 \n", "vda rbps=1\n", "254:0 rbps\n",
                          "254:0 rbps=\n", "254:0 rbps=-1\n", "254:0 rbps=1K\n", "254:0  rbps=1\n",
                          "254:0 rbps=18446744073709551616\n", "254:0 rbps=1\n\n", "rbps=1\n"}) {
    EXPECT_EQ(ParseIoMax(bad, "254:0").status().code(), absl::StatusCode::kInternal) << bad;
  }
}

class SliceLimitsFiles : public ::testing::Test {
 protected:
  SliceLimitsFiles() {
    fake_.Write("memory.max", "1073741824\n");
    fake_.Write("memory.high", "1069547520\n");
    fake_.Write("memory.swap.max", "0\n");
    fake_.Write("cpu.max", "400000 100000\n");
    fake_.Write("cpuset.cpus", "2-3\n");
    fake_.Write("pids.max", "512\n");
    fake_.Write("io.max", "254:0 rbps=1048576 wbps=max riops=max wiops=120\n");
  }

  absl::StatusOr<SliceLimits> Read() { return ReadSliceLimits(*fake_.Open(), host_); }
  absl::Status Check(const SliceLimits& limits) {
    return CheckSliceLimits(*fake_.Open(), limits, host_);
  }

  const HostFacts host_{.possible_cpus = {0, 1, 2, 3}, .storage_device = "254:0"};
  const SliceLimits limits_{.memory_max_bytes = 1073741824,
                            .memory_high_bytes = 1069547520,
                            .cpu_percent = 400,
                            .cpus = {2, 3},
                            .tasks_max = 512,
                            .io = {.read_bytes = 1048576, .write_operations = 120}};
  FakeCgroup fake_;
};

TEST_F(SliceLimitsFiles, AreReadAndCompared) {
  EXPECT_EQ(*Read(), limits_);
  EXPECT_TRUE(Check(limits_).ok());
}

TEST_F(SliceLimitsFiles, MayRoundMemoryDownToAPage) {
  SliceLimits odd = limits_;
  odd.memory_max_bytes += 1;
  odd.memory_high_bytes += 4095;
  EXPECT_TRUE(Check(odd).ok());
}

// The kernel keeps them in 32 bits.
TEST_F(SliceLimitsFiles, HoldNoLimitForOperationsThatNoDiskDoes) {
  SliceLimits many = limits_;
  many.io.read_operations = UINT32_MAX;
  EXPECT_TRUE(Check(many).ok());
  many.io.read_operations = UINT32_MAX - 1;
  EXPECT_FALSE(Check(many).ok());
}

// Without a limit, the controllers cpuset and io may be off.
TEST_F(SliceLimitsFiles, OfOptionalControllersMayBeMissing) {
  fake_.Remove("cpuset.cpus");
  fake_.Remove("io.max");
  SliceLimits fewer = limits_;
  fewer.cpus.clear();
  fewer.io = IoLimits{};
  EXPECT_EQ(*Read(), fewer);
  EXPECT_TRUE(Check(fewer).ok());
  const absl::Status status = Check(limits_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)),
              HasSubstr("cpuset.cpus than was set: wanted 2-3, found all"));
}

// How a slice is let go while something runs in it.
TEST_F(SliceLimitsFiles, NamingEveryPossibleCpuAreNoLimit) {
  fake_.Write("cpuset.cpus", "0-3\n");
  SliceLimits all = limits_;
  all.cpus.clear();
  EXPECT_EQ(*Read(), all);
  EXPECT_TRUE(Check(all).ok());
  all.cpus = {0, 1, 2, 3};
  EXPECT_TRUE(Check(all).ok());
  all.cpus = {0, 1, 2};
  EXPECT_FALSE(Check(all).ok());
}

TEST_F(SliceLimitsFiles, AreNamedWithTheWantedAndTheFound) {
  struct Case {
    const char* file;
    const char* content;
    const char* wanted;
    const char* found;
  };
  for (const Case& c :
       {Case{"memory.max", "max\n", "wanted 1073741824", "found max"},
        Case{"memory.max", "1073737728\n", "wanted 1073741824", "1073737728"},
        Case{"memory.high", "max\n", "wanted 1069547520", "found max"},
        Case{"memory.swap.max", "max\n", "wanted 0", "found max"},
        Case{"cpu.max", "max 100000\n", "wanted 400%", "found max"},
        Case{"cpu.max", "100000 100000\n", "wanted 400%", "found 100%"},
        Case{"cpuset.cpus", "0-2\n", "wanted 2-3", "found 0-2"},
        Case{"cpuset.cpus", "\n", "wanted 2-3", "found all"},
        Case{"pids.max", "513\n", "wanted 512", "found 513"},
        Case{"io.max", "", "wanted rbps=1048576 wbps=max riops=max wiops=120", "found rbps=max"},
        Case{"io.max", "8:0 rbps=1048576 wbps=max riops=max wiops=120\n", "rbps=1048576",
             "found rbps=max"},
        Case{"io.max", "254:0 rbps=1048576 wbps=9 riops=max wiops=120\n", "wbps=max", "wbps=9"}}) {
    const std::string before = fake_.Read(c.file);
    fake_.Write(c.file, c.content);
    const absl::Status status = Check(limits_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(base::Message(status)),
                AllOf(HasSubstr(c.file), HasSubstr(c.wanted), HasSubstr(c.found)));
    fake_.Write(c.file, before);
  }
}

TEST_F(SliceLimitsFiles, AreNamedWhenMalformedOrMissing) {
  for (const char* file : {"memory.max", "memory.high", "memory.swap.max", "cpu.max", "cpuset.cpus",
                           "pids.max", "io.max"}) {
    const std::string before = fake_.Read(file);
    fake_.Write(file, "many\n");
    EXPECT_THAT(std::string(base::Message(Read().status())),
                AllOf(HasSubstr(file), HasSubstr("many")));
    fake_.Write(file, before);
  }
  for (const char* file : {"memory.max", "memory.high", "memory.swap.max", "cpu.max", "pids.max"}) {
    const std::string before = fake_.Read(file);
    fake_.Remove(file);
    EXPECT_EQ(Read().status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(base::Message(Read().status())), HasSubstr(file));
    fake_.Write(file, before);
  }
}

}  // namespace
}  // namespace flatvm::cgroups
