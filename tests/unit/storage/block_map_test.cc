#include "storage/block_map.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "daemon/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::storage {
namespace {

constexpr uint64_t kBlock = 4096;
constexpr size_t kMany = 4096;

class BlockMapTest : public ::testing::Test {
 protected:
  void SetUp() override {
    file_.Reset(::open(root_.path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_TRUE(file_.valid());
    Put(0);
    const absl::StatusOr<std::optional<BlockMap>> map = FindBlockMap(file_.get(), kMany);
    ASSERT_TRUE(map.ok()) << map.status();
    if (!map->has_value()) GTEST_SKIP() << "this filesystem tells no blocks (FIEMAP)";
  }
  void Put(uint64_t block) const {
    const std::string bytes(kBlock, 'x');
    ASSERT_EQ(::pwrite(file_.get(), bytes.data(), kBlock, static_cast<off_t>(block * kBlock)),
              static_cast<ssize_t>(kBlock));
  }

  fakes::TempDir root_;
  base::UniqueFd file_;
};

TEST_F(BlockMapTest, HasDataAndWhatIsAllocatedButNoHoles) {
  Put(7);
  ASSERT_EQ(::posix_fallocate(file_.get(), 20 * kBlock, kBlock), 0);
  ASSERT_EQ(::ftruncate(file_.get(), 40 * kBlock + 512), 0);
  const absl::StatusOr<std::optional<BlockMap>> map = FindBlockMap(file_.get(), kMany);
  ASSERT_TRUE(map.ok() && map->has_value()) << map.status();
  EXPECT_EQ((*map)->bytes, 40 * kBlock + 512);
  uint64_t allocated = 0;
  for (const BlockRun& run : (*map)->runs) {
    for (uint64_t at = run.offset; at < run.offset + run.length; at += 1024) {
      EXPECT_TRUE(at / kBlock == 0 || at / kBlock == 7 || at / kBlock == 20) << at;
    }
    EXPECT_GT(run.host_offset, 0U);
    allocated += run.length;
  }
  EXPECT_EQ(allocated, 3 * kBlock);
}

TEST_F(BlockMapTest, GoesOnBehindOneAnswerOfTheKernel) {
  constexpr uint64_t kRuns = 1200;
  for (uint64_t i = 0; i < kRuns; ++i) Put(2 * i);
  const absl::StatusOr<std::optional<BlockMap>> map = FindBlockMap(file_.get(), kMany);
  ASSERT_TRUE(map.ok() && map->has_value()) << map.status();
  ASSERT_GE((*map)->runs.size(), kRuns);
  uint64_t end = 0;
  uint64_t allocated = 0;
  for (const BlockRun& run : (*map)->runs) {
    EXPECT_GE(run.offset, end);
    end = run.offset + run.length;
    allocated += run.length;
  }
  EXPECT_EQ(end, (2 * kRuns - 1) * kBlock);
  EXPECT_EQ(allocated, kRuns * kBlock);
  const absl::StatusOr<std::optional<BlockMap>> too_many = FindBlockMap(file_.get(), kRuns - 1);
  ASSERT_TRUE(too_many.ok()) << too_many.status();
  EXPECT_FALSE(too_many->has_value());
}

TEST(BlockMap, IsEmptyForAHole) {
  const fakes::TempDir root;
  const base::UniqueFd file(::open(root.path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  ASSERT_EQ(::ftruncate(file.get(), kBlock), 0);
  const absl::StatusOr<std::optional<BlockMap>> map = FindBlockMap(file.get(), kMany);
  ASSERT_TRUE(map.ok()) << map.status();
  if (!map->has_value()) GTEST_SKIP() << "this filesystem tells no blocks (FIEMAP)";
  EXPECT_EQ(**map, (BlockMap{.bytes = kBlock, .runs = {}}));
}

TEST(BlockMap, IsNoneInMemory) {
  const base::UniqueFd file(::memfd_create("memory", MFD_CLOEXEC));
  const absl::StatusOr<std::optional<BlockMap>> map = FindBlockMap(file.get(), kMany);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_FALSE(map->has_value());
  EXPECT_EQ(FindBlockMap(-1, kMany).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::storage
