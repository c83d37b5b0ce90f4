#include "cgroups/cgroup_usage.h"

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
using ::testing::HasSubstr;

TEST(ParseIoStat, SumsOverAllDevices) {
  EXPECT_EQ(*ParseIoStat("254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=7 dios=1\n"
                         "8:0 rbytes=1 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n"),
            (IoBytes{4097, 8192}));
  EXPECT_EQ(*ParseIoStat(""), IoBytes{});
}

TEST(ParseIoStat, PassesOverDevicesWithoutNumbers) {
  EXPECT_EQ(*ParseIoStat("7:0 \n254:0 rbytes=1 wbytes=2 rios=1 wios=1\n"), (IoBytes{1, 2}));
  EXPECT_EQ(*ParseIoStat("7:0 7:1 254:0 rbytes=1 wbytes=2\n"), (IoBytes{1, 2}));
}

TEST(ParseIoStat, StaysAtTheGreatestNumber) {
  EXPECT_EQ(*ParseIoStat("1:0 rbytes=18446744073709551615\n1:1 rbytes=2\n"),
            (IoBytes{UINT64_MAX, 0}));
}

TEST(ParseIoStat, RefusesWhatIsNoNumber) {
  for (const char* bad : {"8:0 rbytes=x\n", "8:0 rbytes=\n", "8:0 rbytes\n", "8:0 wbytes=-1\n",
                          "8:0 wbytes=18446744073709551616\n", "8:0 rbytes=1 wbytes=1.5\n"}) {
    EXPECT_EQ(ParseIoStat(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

TEST(ParsePressure, ReadsTheAveragesOverTenSeconds) {
  EXPECT_EQ(*ParsePressure("some avg10=12.34 avg60=5.00 avg300=1.00 total=99\n"
                           "full avg10=0.50 avg60=0.00 avg300=0.00 total=9\n"),
            (Pressure{12.34, 0.5}));
  EXPECT_EQ(*ParsePressure("some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n"),
            (Pressure{100, 0}));
}

TEST(ParsePressure, RefusesAnythingElse) {
  for (const char* bad :
       {"", "\n", "some\n", "some avg10\n", "some avg10=\n", "some avg10=x\n", "some avg60=1.00\n",
        "some avg10=-1.00\n", "some avg10=100.01\n", "some avg10=nan\n", "some avg10=inf\n",
        "some avg10=1e1\n", "some avg10=1.00x avg60=0\n", "full avg10=1.00\n", "half avg10=1.00\n",
        "some avg10=1.00\nhalf avg10=1.00\n"}) {
    EXPECT_EQ(ParsePressure(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

class SliceUsageFiles : public ::testing::Test {
 protected:
  SliceUsageFiles() {
    fake_.Write("memory.current", "1048576\n");
    fake_.Write("memory.events", "low 0\nhigh 7\nmax 3\noom 2\noom_kill 1\noom_group_kill 1\n");
    fake_.Write("cpu.stat", "usage_usec 500\nuser_usec 300\nnr_throttled 2\nthrottled_usec 40\n");
    fake_.Write("pids.current", "12\n");
    fake_.Write("io.stat", "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n");
    WritePressure("memory.pressure", "1.00", "2.00");
    WritePressure("cpu.pressure", "3.00", "4.00");
    WritePressure("io.pressure", "5.00", "6.00");
  }

  void WritePressure(const char* name, const char* some, const char* full) {
    const char* others = " avg60=0.00 avg300=0.00 total=0\n";
    fake_.Write(name, base::StrCat("some avg10=", some, others, "full avg10=", full, others));
  }
  absl::StatusOr<SliceUsage> Read() { return ReadSliceUsage(*fake_.Open()); }

  const SliceUsage usage_{.memory_bytes = 1048576,
                          .oom_kills = 1,
                          .cpu_us = 500,
                          .throttled_us = 40,
                          .tasks = 12,
                          .read_bytes = 4096,
                          .write_bytes = 8192,
                          .memory = {1, 2},
                          .cpu = {3, 4},
                          .io = {5, 6}};
  FakeCgroup fake_;
};

TEST_F(SliceUsageFiles, AreRead) { EXPECT_EQ(*Read(), usage_); }

TEST_F(SliceUsageFiles, OfPressureMayBeMissing) {
  for (const char* file : {"memory.pressure", "cpu.pressure", "io.pressure"}) fake_.Remove(file);
  SliceUsage quiet = usage_;
  quiet.memory = quiet.cpu = quiet.io = Pressure{};
  EXPECT_EQ(*Read(), quiet);
}

TEST_F(SliceUsageFiles, AreThereWithoutTheControllersCpuAndIo) {
  fake_.Write("cpu.stat", "usage_usec 500\nuser_usec 300\n");
  fake_.Remove("io.stat");
  SliceUsage fewer = usage_;
  fewer.throttled_us = fewer.read_bytes = fewer.write_bytes = 0;
  EXPECT_EQ(*Read(), fewer);
}

TEST_F(SliceUsageFiles, AreNamedWhenMalformedOrMissing) {
  for (const char* file : {"memory.current", "memory.events", "cpu.stat", "pids.current", "io.stat",
                           "memory.pressure", "cpu.pressure", "io.pressure"}) {
    const std::string before = fake_.Read(file);
    fake_.Write(file, "rbytes=many\n");
    const absl::Status status = Read().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << file;
    EXPECT_THAT(std::string(base::Message(status)), AllOf(HasSubstr(file), HasSubstr("many")));
    fake_.Write(file, before);
  }
  for (const char* file : {"memory.current", "memory.events", "cpu.stat", "pids.current"}) {
    const std::string before = fake_.Read(file);
    fake_.Remove(file);
    EXPECT_EQ(Read().status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(base::Message(Read().status())), HasSubstr(file));
    fake_.Write(file, before);
  }
}

TEST_F(SliceUsageFiles, AreNotFoundOnceTheCgroupIsGone) {
  const absl::StatusOr<CgroupDir> held = fake_.Open();
  std::filesystem::remove_all(fake_.directory());
  EXPECT_EQ(ReadSliceUsage(*held).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace flatvm::cgroups
