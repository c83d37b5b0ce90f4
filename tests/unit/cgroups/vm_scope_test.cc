#include "cgroups/vm_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/cgroups/fake_cgroup.h"
#include "tests/unit/cgroups/fake_host_tree.h"

namespace flatvm::cgroups {
namespace {

using ::testing::HasSubstr;

constexpr const char* kScope = "machine-qemu\\x2d7\\x2dflatvm\\x2dacme.web.scope";

void ExpectVmNotFound(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kVmNotFound);
}

TEST(IsScopeOfDomain, KnowsTheNumberAndNothingElse) {
  EXPECT_TRUE(IsScopeOfDomain(kScope, 7));
  EXPECT_TRUE(IsScopeOfDomain("machine-qemu\\x2d7\\x2d.scope", 7));
  EXPECT_TRUE(IsScopeOfDomain("machine-qemu\\x2d4294967295\\x2dx.scope", UINT32_MAX));
  for (const char* other :
       {"", "machine-qemu\\x2d77\\x2dflatvm.scope", "machine-qemu\\x2d7.scope",
        "machine-qemu-7-flatvm.scope", "machine-qemu\\x2d7\\x2dflatvm.slice",
        "machine-qemu\\x2d17\\x2dflatvm.scope", "machine-lxc\\x2d7\\x2dflatvm.scope",
        "xmachine-qemu\\x2d7\\x2dflatvm.scope", "machine-qemu\\x2d1\\x2d7\\x2d.scope"}) {
    EXPECT_FALSE(IsScopeOfDomain(other, 7)) << other;
  }
}

TEST(ParseGuestMemory, AddsAnonymousAndSharedMemory) {
  EXPECT_EQ(*ParseGuestMemory("anon 4096\nfile 999999\nshmem 8192\nfile_mapped 5\n"), 12288U);
}

TEST(ParseGuestMemory, RefusesAnythingElse) {
  for (const char* bad : {"", "anon 1\n", "shmem 1\n", "anon x\nshmem 1\n", "anon 1\nshmem -1\n",
                          "anon 18446744073709551615\nshmem 1\n"}) {
    EXPECT_EQ(ParseGuestMemory(bad).status().code(), absl::StatusCode::kInternal) << bad;
  }
}

// A slice with one domain, as libvirt lays its cgroups out.
class VmScopeTest : public ::testing::Test {
 protected:
  VmScopeTest() {
    fake_.Write("machine-qemu\\x2d77\\x2dother.scope/memory.oom.group", "0\n");
    WriteScope("memory.oom.group", "0\n");
    WriteScope("memory.stat", "anon 4096\nfile 999\nshmem 8192\n");
    WriteScope("cgroup.procs", "");
    WriteScope("libvirt/memory.oom.group", "0\n");
    WriteScope("libvirt/cgroup.procs", "100\n101\n");
    // These are threaded and have no list that could be read.
    WriteScope("libvirt/emulator/cgroup.threads", "100\n101\n");
    WriteScope("libvirt/vcpu0/cgroup.threads", "102\n");
    host_.AddProcess(100, Path("/libvirt/emulator"));
    host_.AddProcess(101, Path("/libvirt"));
  }

  static std::string Path(const std::string& below) {
    return base::StrCat(FakeCgroup::kPath, "/", kScope, below);
  }
  void WriteScope(const std::string& name, const std::string& content) {
    fake_.Write(base::StrCat(kScope, "/", name), content);
  }
  std::string ReadScope(const std::string& name) {
    return fake_.Read(base::StrCat(kScope, "/", name));
  }
  absl::StatusOr<CgroupDir> OpenScope() { return OpenVmScope(*fake_.Open(), 7); }
  absl::Status Expose() { return ExposeScopeToOomKiller(*OpenScope(), host_.roots().proc); }

  FakeCgroup fake_;
  FakeHostTree host_;
};

TEST_F(VmScopeTest, IsFoundByItsNumber) {
  EXPECT_EQ(OpenScope()->path(), Path(""));
  ExpectVmNotFound(OpenVmScope(*fake_.Open(), 8).status());
  ExpectVmNotFound(OpenVmScope(*fake_.Open(), 1).status());
}

TEST_F(VmScopeTest, IsExposedWholeWithAllItsProcesses) {
  ASSERT_EQ(Expose(), absl::OkStatus());
  EXPECT_EQ(ReadScope("memory.oom.group").substr(0, 1), "1");
  EXPECT_EQ(ReadScope("libvirt/memory.oom.group").substr(0, 1), "1");
  EXPECT_EQ(host_.OomScoreAdjustment(100), "1000");
  EXPECT_EQ(host_.OomScoreAdjustment(101), "1000");
  EXPECT_EQ(fake_.Read("machine-qemu\\x2d77\\x2dother.scope/memory.oom.group"), "0\n");
  EXPECT_EQ(Expose(), absl::OkStatus());
}

TEST_F(VmScopeTest, MayHaveNoChildOfLibvirts) {
  fake_.Remove(base::StrCat(kScope, "/libvirt"));
  WriteScope("cgroup.procs", "100\n");
  host_.AddProcess(100, Path(""));
  ASSERT_EQ(Expose(), absl::OkStatus());
  EXPECT_EQ(host_.OomScoreAdjustment(100), "1000");
  EXPECT_EQ(host_.OomScoreAdjustment(101), "0\n");
}

// libvirt's child need not have the controller memory.
TEST_F(VmScopeTest, MayHaveAChildWithoutItsOwnGroup) {
  fake_.Remove(base::StrCat(kScope, "/libvirt/memory.oom.group"));
  ASSERT_EQ(Expose(), absl::OkStatus());
  EXPECT_EQ(host_.OomScoreAdjustment(100), "1000");
}

TEST_F(VmScopeTest, ReachesProcessesThreeLevelsDownAndNoDeeper) {
  WriteScope("a/b/c/cgroup.procs", "200\n");
  WriteScope("a/b/c/d/cgroup.procs", "201\n");
  host_.AddProcess(200, Path("/a/b/c"));
  host_.AddProcess(201, Path("/a/b/c/d"));
  ASSERT_EQ(Expose(), absl::OkStatus());
  EXPECT_EQ(host_.OomScoreAdjustment(200), "1000");
  EXPECT_EQ(host_.OomScoreAdjustment(201), "0\n");
}

TEST_F(VmScopeTest, LeavesAProcessThatTookANumberOver) {
  for (const char* elsewhere :
       {"/flatvm.slice/flatvm-acme.slice/machine-qemu\\x2d77\\x2dother.scope", "/",
        "/system.slice/ssh.service"}) {
    host_.AddProcess(101, elsewhere);
    ASSERT_EQ(Expose(), absl::OkStatus());
    EXPECT_EQ(host_.OomScoreAdjustment(101), "0\n") << elsewhere;
  }
  host_.AddProcess(101, Path("x"));  // a scope whose name begins with this one's
  ASSERT_EQ(Expose(), absl::OkStatus());
  EXPECT_EQ(host_.OomScoreAdjustment(101), "0\n");
}

TEST_F(VmScopeTest, DoesNotMindProcessesThatVanish) {
  WriteScope("libvirt/cgroup.procs", "100\n0\n555\n");
  ASSERT_EQ(Expose(), absl::OkStatus());
  EXPECT_EQ(host_.OomScoreAdjustment(100), "1000");
  WriteScope("libvirt/cgroup.procs", "555\n");
  WriteScope("cgroup.events", "populated 0\n");
  EXPECT_EQ(Expose(), absl::OkStatus());
  WriteScope("libvirt/cgroup.procs", "");
  EXPECT_EQ(Expose(), absl::OkStatus());
}

// ProtectProc= of the daemon's own unit would do that; nobody would notice.
TEST_F(VmScopeTest, IsInternalWhenProcfsHidesItsProcesses) {
  const absl::Status status = ExposeScopeToOomKiller(*OpenScope(), host_.roots().proc + "/self");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("none of the 2 processes"));
}

TEST_F(VmScopeTest, IsInternalWhenItsFilesAreNotTheKernels) {
  WriteScope("libvirt/cgroup.procs", "many\n");
  EXPECT_EQ(Expose().code(), absl::StatusCode::kInternal);
  fake_.Remove(base::StrCat(kScope, "/memory.oom.group"));
  EXPECT_THAT(std::string(base::Message(Expose())), HasSubstr("memory.oom.group"));
  WriteScope("memory.stat", "anon 1\n");
  EXPECT_THAT(std::string(base::Message(ReadScopeMemory(*OpenScope()).status())),
              HasSubstr("memory.stat: does not say shmem"));
}

TEST_F(VmScopeTest, HoldsWhatTheGuestAndNotThePageCacheHolds) {
  EXPECT_EQ(*ReadScopeMemory(*OpenScope()), 12288U);
}

TEST_F(VmScopeTest, IsNotFoundOnceItIsGone) {
  const absl::StatusOr<CgroupDir> scope = OpenScope();
  fake_.Remove(kScope);
  ExpectVmNotFound(ExposeScopeToOomKiller(*scope, host_.roots().proc));
  ExpectVmNotFound(ReadScopeMemory(*scope).status());
  const absl::StatusOr<CgroupDir> slice = fake_.Open();
  std::filesystem::remove_all(fake_.directory());
  ExpectVmNotFound(OpenVmScope(*slice, 7).status());
}

}  // namespace
}  // namespace flatvm::cgroups
