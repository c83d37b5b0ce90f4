#include "cgroups/cgroup_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/cgroups/fake_cgroup.h"

namespace flatvm::cgroups {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

void ExpectGone(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kTenantNotFound);
}

TEST(CgroupDir, ReadsWholeFilesHoweverLong) {
  const FakeCgroup fake;
  const std::string content(100'000, 'x');
  fake.Write("io.stat", content);
  EXPECT_EQ(*fake.Open()->ReadFile("io.stat"), content);
}

TEST(CgroupDir, RefusesAFileWithoutAnEnd) {
  const FakeCgroup fake;
  fake.Write("io.stat", std::string(3U << 20U, 'x'));
  EXPECT_EQ(fake.Open()->ReadFile("io.stat").status().code(), absl::StatusCode::kInternal);
}

TEST(CgroupDir, NamesAFileThatIsNotThere) {
  const FakeCgroup fake;
  const absl::Status status = fake.Open()->ReadFile("pids.max").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), HasSubstr("read pids.max"));
}

TEST(CgroupDir, FindsAFileOrNone) {
  const FakeCgroup fake;
  fake.Write("cpuset.cpus", "0\n");
  EXPECT_EQ(*fake.Open()->FindFile("cpuset.cpus"), "0\n");
  EXPECT_EQ(*fake.Open()->FindFile("io.max"), std::nullopt);
}

TEST(CgroupDir, WritesAFileThatIsThereAndMakesNone) {
  const FakeCgroup fake;
  fake.Write("memory.oom.group", "0\n");
  EXPECT_TRUE(*fake.Open()->WriteFile("memory.oom.group", "1"));
  EXPECT_EQ(fake.Read("memory.oom.group").substr(0, 1), "1");
  EXPECT_FALSE(*fake.Open()->WriteFile("memory.other", "1"));
  EXPECT_FALSE(std::filesystem::exists(fake.directory() + "/memory.other"));
}

TEST(CgroupDir, KnowsWhetherItIsPopulated) {
  const FakeCgroup fake;
  EXPECT_FALSE(*fake.Open()->IsPopulated());
  fake.Write("cgroup.events", "populated 1\nfrozen 0\n");
  EXPECT_TRUE(*fake.Open()->IsPopulated());
  fake.Write("cgroup.events", "frozen 0\n");
  EXPECT_EQ(fake.Open()->IsPopulated().status().code(), absl::StatusCode::kInternal);
}

TEST(CgroupDir, ListsAndOpensItsChildren) {
  const FakeCgroup fake;
  fake.Write("a.scope/cgroup.procs", "1\n");
  fake.Write("b.scope/libvirt/cgroup.procs", "1\n");
  std::filesystem::create_directory_symlink(fake.root(), fake.directory() + "/link");
  const absl::StatusOr<CgroupDir> cgroup = fake.Open();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(*cgroup->ListChildren(), UnorderedElementsAre("a.scope", "b.scope"));
  }
  const absl::StatusOr<CgroupDir> child = cgroup->OpenChild("a.scope");
  ASSERT_TRUE(child.ok());
  EXPECT_EQ(child->path(), "/flatvm.slice/flatvm-acme.slice/a.scope");
  EXPECT_TRUE(*child->IsPopulated());
  ExpectGone(cgroup->OpenChild("c.scope").status());
  EXPECT_EQ(cgroup->OpenChild("link").status().code(), absl::StatusCode::kInternal);
}

TEST(CgroupDir, IsNotFoundOnceItIsGone) {
  const FakeCgroup fake;
  const absl::StatusOr<CgroupDir> held = fake.Open();
  std::filesystem::remove_all(fake.directory());
  ExpectGone(held->ReadFile("memory.max").status());
  ExpectGone(held->FindFile("io.max").status());
  ExpectGone(held->WriteFile("memory.oom.group", "1").status());
  ExpectGone(held->IsPopulated().status());
  ExpectGone(held->OpenChild("libvirt").status());
}

TEST(CgroupDir, StaysTheSameCgroupWhenItsPathIsTaken) {
  const FakeCgroup fake;
  fake.Write("pids.max", "512\n");
  const absl::StatusOr<CgroupDir> held = fake.Open();
  std::filesystem::rename(fake.directory(), fake.root() + "/moved");
  fake.Write("pids.max", "1\n");
  EXPECT_EQ(*held->ReadFile("pids.max"), "512\n");
}

TEST(CgroupDir, OpensNothingOutsideItsRoot) {
  const FakeCgroup fake;
  std::filesystem::create_symlink(fake.directory(), fake.root() + "/link");
  EXPECT_EQ(CgroupDir::Open(fake.root() + "/flatvm.slice", "/../flatvm.slice").status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(CgroupDir::Open(fake.root(), "/link").status().code(), absl::StatusCode::kInternal);
  for (const char* path : {"", "/", "relative"}) {
    EXPECT_EQ(CgroupDir::Open(fake.root(), path).status().code(), absl::StatusCode::kInternal);
  }
}

TEST(CgroupDir, IsNotFoundWhenItIsNotThere) {
  const FakeCgroup fake;
  ExpectGone(CgroupDir::Open(fake.root(), "/flatvm.slice/other.slice").status());
}

}  // namespace
}  // namespace flatvm::cgroups
