#include "storage/in_place.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "daemon/base/types.h"
#include "daemon/base/unique_fd.h"
#include "storage/block_map.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/disk_with_image.h"

namespace flatvm::storage {
namespace {

using ::testing::IsEmpty;
using Kind = InPlaceStep::Kind;

constexpr uint64_t kMib = base::kMebibyte;

class InPlaceTest : public ::testing::Test {
 protected:
  InPlaceTest() : directory_(::open(root_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

  void SetUp() override {
    struct statfs filesystem {};
    ASSERT_EQ(::statfs(root_.path().c_str(), &filesystem), 0);
    if (filesystem.f_type != EXT4_SUPER_MAGIC) GTEST_SKIP() << root_.path() << " is not on ext4";
    const base::UniqueFd trial = Fresh();
    const std::string bytes(2 * kTestBlock, 'x');
    ASSERT_EQ(::pwrite(trial.get(), bytes.data(), bytes.size(), 0), 2 * off_t{kTestBlock});
    if (::fallocate(trial.get(), FALLOC_FL_COLLAPSE_RANGE, 0, kTestBlock) != 0) {
      GTEST_SKIP() << "the filesystem of " << root_.path() << " cannot collapse ranges of "
                   << kTestBlock;
    }
  }

  base::UniqueFd Fresh() const {
    base::UniqueFd fd(::open(root_.path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    EXPECT_TRUE(fd.valid());
    return fd;
  }
  base::UniqueFd Write(const DiskWithImage& disk) const {
    base::UniqueFd file = Fresh();
    disk.WriteTo(file.get());
    return file;
  }
  // Of extents that ascend.
  std::optional<InPlacePlan> Plan(const base::UniqueFd& file, const DiskWithImage& disk) const {
    absl::StatusOr<std::optional<InPlaceWay>> way =
        PlanInPlace(file.get(), directory_.get(), disk.extents, disk.image_bytes);
    EXPECT_TRUE(way.ok()) << way.status();
    if (!way.ok() || !way->has_value()) return std::nullopt;
    EXPECT_THAT((*way)->strays, IsEmpty());
    return (*way)->plan;
  }
  static std::vector<InPlaceStep> Steps(const base::UniqueFd& file, const InPlacePlan& plan) {
    absl::StatusOr<std::vector<InPlaceStep>> steps = ReadSteps(file.get(), plan);
    EXPECT_TRUE(steps.ok()) << steps.status();
    return steps.ok() ? *steps : std::vector<InPlaceStep>();
  }
  static void Take(const base::UniqueFd& file, const InPlaceStep& step) {
    const absl::Status taken = TakeStep(file.get(), step);
    EXPECT_TRUE(taken.ok()) << taken;
  }
  static void Finish(const base::UniqueFd& file, const InPlacePlan& plan) {
    const absl::Status finished = FinishInPlace(file.get(), plan);
    EXPECT_TRUE(finished.ok()) << finished;
  }

  fakes::TempDir root_;
  const base::UniqueFd directory_;
};

TEST_F(InPlaceTest, MakesTheDiskTheImageWithItsHoles) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const DiskWithImage disk(seed);
    const base::UniqueFd file = Write(disk);
    const std::optional<InPlacePlan> plan = Plan(file, disk);
    ASSERT_TRUE(plan.has_value());
    EXPECT_TRUE(ReadWhole(file.get()) == disk.content);  // planning changes nothing
    Finish(file, *plan);
    ExpectImage(file.get(), disk);
    // No block was copied.
    const absl::StatusOr<std::optional<BlockMap>> map = FindBlockMap(file.get(), kMaxBlockRuns);
    ASSERT_TRUE(map.ok() && map->has_value());
    std::vector<ImageBlocks> blocks;
    for (const BlockRun& run : (*map)->runs) {
      blocks.push_back({run.host_offset, run.offset, run.length});
    }
    EXPECT_EQ(blocks, plan->blocks);
    // Once more does no harm.
    Finish(file, *plan);
    ExpectImage(file.get(), disk);
  }
}

TEST_F(InPlaceTest, FinishesAfterACrashBehindAnyStep) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    size_t count = 1;
    for (size_t done = 0; done <= count; ++done) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", step " << done);
      const DiskWithImage disk(seed);
      const base::UniqueFd file = Write(disk);
      const std::optional<InPlacePlan> plan = Plan(file, disk);
      ASSERT_TRUE(plan.has_value());
      const std::vector<InPlaceStep> steps = Steps(file, *plan);
      count = steps.size();
      ASSERT_LE(done, count);
      for (size_t i = 0; i < done; ++i) Take(file, steps[i]);
      Finish(file, *plan);
      ExpectImage(file.get(), disk);
    }
  }
}

// ext4 shifts a large file's blocks in several transactions: see in_place_plan.h. What a crash
// between two leaves is made here of whole shifts.
TEST_F(InPlaceTest, FinishesAfterACrashInTheMiddleOfAShift) {
  for (uint64_t seed = 6; seed < 12; ++seed) {
    size_t count = 1;
    for (size_t done = 0; done < count; ++done) {
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", step " << done);
      DiskWithImage disk(seed);
      const base::UniqueFd file = Write(disk);
      const std::optional<InPlacePlan> plan = Plan(file, disk);
      ASSERT_TRUE(plan.has_value());
      const std::vector<InPlaceStep> steps = Steps(file, *plan);
      count = steps.size();
      for (size_t i = 0; i < done; ++i) Take(file, steps[i]);
      const InPlaceStep& step = steps[done];
      if (step.kind != Kind::kCollapse && step.kind != Kind::kInsert) continue;
      const auto bytes = static_cast<uint64_t>(::lseek(file.get(), 0, SEEK_END));
      const uint64_t behind = step.offset + (step.kind == Kind::kCollapse ? step.length : 0);
      const uint64_t moved = disk.Below((bytes - behind) / kTestBlock) * kTestBlock;
      if (step.kind == Kind::kCollapse) Take(file, step);
      Take(file, {Kind::kInsert, step.offset + moved, step.length});
      Finish(file, *plan);
      ExpectImage(file.get(), disk);
    }
  }
}

TEST_F(InPlaceTest, MakesHugeHolesAndLosesHugeGaps) {
  DiskWithImage disk(0);
  disk.disk_bytes = 3 * kMib;
  disk.content = std::string(disk.disk_bytes, 'o');
  disk.stretches = {{.run = {0, disk.disk_bytes}, .allocated = true, .data = true}};
  // As the guest's allocator packs an image that is mostly holes.
  disk.extents = {{0, kMib, 4 * kTestBlock},
                  {uint64_t{40} << 30U, kMib + 4 * kTestBlock, kTestBlock},
                  {uint64_t{41} << 30U, 2 * kMib, 3 * kTestBlock}};
  disk.image_bytes = uint64_t{64} << 30U;
  for (const Extent& extent : disk.extents) {
    disk.content.replace(extent.disk_offset, extent.length, extent.length, 'i');
  }
  const base::UniqueFd file = Write(disk);
  const std::optional<InPlacePlan> plan = Plan(file, disk);
  ASSERT_TRUE(plan.has_value());
  Finish(file, *plan);
  struct stat info {};
  ASSERT_EQ(::fstat(file.get(), &info), 0);
  EXPECT_EQ(info.st_size, off_t{64} << 30U);
  EXPECT_LT(info.st_blocks * 512, 64 * 1024);  // 8 blocks of data and some of the filesystem's
  EXPECT_EQ(DataBytes(file.get()), 8 * kTestBlock);
  for (const Extent& extent : disk.extents) {
    std::string bytes(extent.length, '?');
    ASSERT_EQ(
        ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(extent.file_offset)),
        static_cast<ssize_t>(extent.length));
    EXPECT_EQ(bytes, std::string(extent.length, 'i'));
  }
}

TEST_F(InPlaceTest, AnImageThatIsAllHolesKeepsNothing) {
  DiskWithImage disk(2);
  disk.extents.clear();
  const base::UniqueFd file = Write(disk);
  const std::optional<InPlacePlan> plan = Plan(file, disk);
  ASSERT_TRUE(plan.has_value());
  EXPECT_THAT(plan->blocks, IsEmpty());
  Finish(file, *plan);
  ExpectImage(file.get(), disk);
}

TEST_F(InPlaceTest, LeavesToACopyWhatDescendsOrIsOfSmallerBlocks) {
  const DiskWithImage disk(4);
  const base::UniqueFd file = Write(disk);
  for (const std::vector<Extent>& extents :
       {std::vector<Extent>{{0, 4 * kTestBlock, 3 * kTestBlock},
                            {3 * kTestBlock, 0, 3 * kTestBlock}},
        std::vector<Extent>{{0, 1024, kTestBlock}}, std::vector<Extent>{{0, 0, 1024}}}) {
    const absl::StatusOr<std::optional<InPlaceWay>> plan =
        PlanInPlace(file.get(), directory_.get(), extents, 8 * kTestBlock);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_FALSE(plan->has_value());
  }
  EXPECT_TRUE(ReadWhole(file.get()) == disk.content);
}

TEST_F(InPlaceTest, RefusesHostileListsBeforeAnythingIsTouched) {
  const DiskWithImage disk(4);
  const base::UniqueFd file = Write(disk);
  for (const Extent& bad :
       {Extent{kTestBlock, disk.disk_bytes, kTestBlock}, Extent{kTestBlock, 0, kTestBlock},
        Extent{0, kTestBlock, kTestBlock}, Extent{kTestBlock, kTestBlock + 1, kTestBlock}}) {
    EXPECT_EQ(PlanInPlace(file.get(), directory_.get(), {{0, 0, kTestBlock}, bad}, 8 * kTestBlock)
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(ReadWhole(file.get()) == disk.content);
}

TEST_F(InPlaceTest, TouchesNoFileButThePlans) {
  const DiskWithImage disk(4);
  const base::UniqueFd file = Write(disk);
  const base::UniqueFd other = Write(disk);
  const std::optional<InPlacePlan> plan = Plan(file, disk);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(FinishInPlace(other.get(), *plan).code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(ReadWhole(other.get()) == disk.content);
  EXPECT_EQ(FinishInPlace(-1, *plan).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(PlanInPlace(-1, directory_.get(), disk.extents, disk.image_bytes).status().code(),
            absl::StatusCode::kInternal);
}

TEST(InPlace, LeavesToACopyWhatIsNotOnExt4) {
  const fakes::TempDir root;
  const base::UniqueFd directory(::open(root.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const base::UniqueFd file(::memfd_create("disk", MFD_CLOEXEC));
  const DiskWithImage disk(4);
  disk.WriteTo(file.get());
  const absl::StatusOr<std::optional<InPlaceWay>> plan =
      PlanInPlace(file.get(), directory.get(), disk.extents, disk.image_bytes);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_FALSE(plan->has_value());
}

}  // namespace
}  // namespace flatvm::storage
