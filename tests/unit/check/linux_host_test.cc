// The real host, as far as every machine has it. The rest is end to end: e2e.storage.
#include "daemon/check/linux_host.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/fakes/temp_dir.h"

namespace flatvm::check {
namespace {

class LinuxHostTest : public testing::Test {
 protected:
  fakes::TempDir directory_;
  LinuxHost host_;
};

TEST_F(LinuxHostTest, TriesAFilesystemAndLeavesNothing) {
  const auto facts = host_.TryFilesystem(directory_.path());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_FALSE(facts->type.empty());
  // What shares blocks is none of those that can only shift them.
  EXPECT_FALSE(facts->type == "ext4" && facts->shares_blocks);
  EXPECT_FALSE(facts->type == "btrfs" && !facts->shares_blocks);
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(LinuxHostTest, SaysThatADirectoryIsNotThere) {
  EXPECT_TRUE(absl::IsNotFound(host_.TryFilesystem(directory_.path() + "/none").status()));
  // Nobody can write there.
  EXPECT_TRUE(absl::IsInternal(host_.TryFilesystem("/proc/self").status()));
}

TEST_F(LinuxHostTest, CountsWhatFilesTakeAndFollowsNoLink) {
  const std::string counted = directory_.path() + "/counted";
  std::filesystem::create_directories(counted + "/below");
  const auto before = host_.MeasureSpace(directory_.path(), counted);
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_GT(before->free_bytes, 0U);
  std::ofstream(counted + "/below/file") << std::string(1U << 20U, 'x');
  std::ofstream(directory_.path() + "/other") << std::string(1U << 20U, 'x');
  std::filesystem::create_directory_symlink("..", counted + "/up");
  const auto after = host_.MeasureSpace(directory_.path(), counted);
  ASSERT_TRUE(after.ok()) << after.status();
  const uint64_t more = after->taken_bytes - before->taken_bytes;
  EXPECT_GE(more, uint64_t{1} << 20U);
  EXPECT_LT(more, uint64_t{3} << 19U);
}

TEST_F(LinuxHostTest, MeasuresADirectoryWithoutTenants) {
  const auto space = host_.MeasureSpace(directory_.path(), directory_.path() + "/none");
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ(space->taken_bytes, 0U);
}

TEST_F(LinuxHostTest, KnowsWhatIsThereAndWhatCanBeExecuted) {
  EXPECT_TRUE(host_.Has("/bin/sh", Use::kExecute));
  EXPECT_TRUE(host_.Has("/etc/passwd", Use::kFind));
  EXPECT_FALSE(host_.Has("/etc/passwd", Use::kExecute));
  EXPECT_FALSE(host_.Has(directory_.path() + "/none", Use::kFind));
}

TEST_F(LinuxHostTest, AsksLibvirtForVersions) {
  const auto versions = host_.AskLibvirt("test:///default");
  ASSERT_TRUE(versions.ok()) << versions.status();
  EXPECT_NE(versions->libvirt, "0.0.0");
  EXPECT_TRUE(absl::IsUnavailable(host_.AskLibvirt("nosuch:///").status()));
}

}  // namespace
}  // namespace flatvm::check
