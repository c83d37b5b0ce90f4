#include "cgroups/cgroup_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::cgroups {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

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
  for (const char* bad :
       {"", "\n", " \n", "200000\n", "200000 100000", "200000 0\n", "200000  100000\n",
        "200000 100000 1\n", "200000 max\n", "-1 100000\n", "x 100000\n", " 100000\n", "max \n",
        "18446744073709551615 1\n", "184467440737095516 1\n", "4294967295 1\n"}) {
    EXPECT_EQ(ParseCpuMax(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

class CgroupDirTest : public ::testing::Test {
 protected:
  CgroupDirTest() {
    std::filesystem::create_directories(Directory());
    Write("memory.max", "1073741824\n");
    Write("memory.swap.max", "0\n");
    Write("cpu.max", "400000 100000\n");
    Write("pids.max", "512\n");
  }

  std::string Directory() const { return root_.path() + "/flatvm.slice/flatvm-acme.slice"; }
  void Write(const std::string& name, const std::string& content) {
    std::ofstream(Directory() + "/" + name) << content;
  }
  absl::StatusOr<CgroupDir> Open() {
    return CgroupDir::Open(root_.path(), "/flatvm.slice/flatvm-acme.slice");
  }

  const SliceLimits limits_{.memory_max_bytes = 1073741824, .cpu_percent = 400, .tasks_max = 512};
  fakes::TempDir root_;
};

TEST_F(CgroupDirTest, ReadsWhatTheKernelEnforces) {
  EXPECT_EQ(*Open()->ReadLimits(), limits_);
  EXPECT_TRUE(Open()->CheckLimits(limits_).ok());
}

TEST_F(CgroupDirTest, AllowsMemoryRoundedDownToAPage) {
  SliceLimits odd = limits_;
  odd.memory_max_bytes += 1;
  EXPECT_TRUE(Open()->CheckLimits(odd).ok());
}

TEST_F(CgroupDirTest, NamesTheFileTheWantedAndTheFound) {
  struct Case {
    const char* file;
    const char* content;
    const char* wanted;
    const char* found;
  };
  for (const Case& c : {Case{"memory.max", "max\n", "wanted 1073741824", "found max"},
                        Case{"memory.max", "1073737728\n", "wanted 1073741824", "1073737728"},
                        Case{"memory.swap.max", "max\n", "wanted 0", "found max"},
                        Case{"cpu.max", "max 100000\n", "wanted 400%", "found max%"},
                        Case{"cpu.max", "100000 100000\n", "wanted 400%", "found 100%"},
                        Case{"pids.max", "513\n", "wanted 512", "found 513"}}) {
    const std::string before = [&] {
      std::ifstream in(Directory() + "/" + c.file);
      return std::string(std::istreambuf_iterator<char>(in), {});
    }();
    Write(c.file, c.content);
    const absl::Status status = Open()->CheckLimits(limits_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(base::Message(status)),
                AllOf(HasSubstr(c.file), HasSubstr(c.wanted), HasSubstr(c.found)));
    Write(c.file, before);
  }
}

TEST_F(CgroupDirTest, NamesAFileThatIsNotThereOrMalformed) {
  Write("pids.max", "many\n");
  EXPECT_THAT(std::string(base::Message(Open()->ReadLimits().status())),
              AllOf(HasSubstr("pids.max"), HasSubstr("many")));
  std::filesystem::remove(Directory() + "/pids.max");
  const absl::Status status = Open()->ReadLimits().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("pids.max"));
}

TEST_F(CgroupDirTest, StaysTheSameCgroupWhenItsPathIsTaken) {
  const absl::StatusOr<CgroupDir> held = Open();
  std::filesystem::rename(Directory(), root_.path() + "/moved");
  std::filesystem::create_directories(Directory());
  Write("memory.max", "4096\n");
  EXPECT_EQ(*held->ReadLimits(), limits_);
}

TEST_F(CgroupDirTest, OpensNothingOutsideItsRoot) {
  std::filesystem::create_symlink(Directory(), root_.path() + "/link");
  EXPECT_EQ(CgroupDir::Open(root_.path() + "/flatvm.slice", "/../flatvm.slice").status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(CgroupDir::Open(root_.path(), "/link").status().code(), absl::StatusCode::kInternal);
  for (const char* path : {"", "/", "relative"}) {
    EXPECT_EQ(CgroupDir::Open(root_.path(), path).status().code(), absl::StatusCode::kInternal);
  }
}

TEST_F(CgroupDirTest, IsNotFoundWhenItIsNotThere) {
  const absl::Status status = CgroupDir::Open(root_.path(), "/flatvm.slice/other.slice").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kTenantNotFound);
}

}  // namespace
}  // namespace flatvm::cgroups
