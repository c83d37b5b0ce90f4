#include "storage/in_place_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "tests/unit/storage/disk_with_image.h"

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = InPlaceStep::Kind;

constexpr uint64_t kBlock = kTestBlock;
constexpr uint64_t kHole = 0;

// A file as a filesystem has it: the host's block of each of its blocks, from 1 on, or kHole.
struct ModelFile {
  std::vector<uint64_t> blocks;
  uint64_t bytes = 0;

  BlockMap Map() const {
    BlockMap map{.bytes = bytes, .runs = {}};
    for (size_t i = 0; i < blocks.size(); ++i) {
      if (blocks[i] == kHole) continue;
      if (i > 0 && blocks[i - 1] != kHole && blocks[i - 1] + 1 == blocks[i]) {
        map.runs.back().length += kBlock;
      } else {
        map.runs.push_back(
            {.offset = i * kBlock, .host_offset = blocks[i] * kBlock, .length = kBlock});
      }
    }
    return map;
  }

  void Resize(uint64_t new_bytes) {
    bytes = new_bytes;
    blocks.resize((bytes + kBlock - 1) / kBlock, kHole);
  }

  void Take(const InPlaceStep& step) {
    const auto begin = blocks.begin() + static_cast<ptrdiff_t>(step.offset / kBlock);
    const auto count = static_cast<ptrdiff_t>(step.length / kBlock);
    switch (step.kind) {
      case Kind::kPunch:
        ASSERT_LE(step.offset + step.length, bytes);
        std::fill(begin, begin + count, kHole);
        break;
      case Kind::kCollapse:
        ASSERT_LT(step.offset + step.length, bytes);  // as fallocate(2) demands
        ASSERT_TRUE(std::all_of(begin, begin + count, [](uint64_t b) { return b == kHole; }));
        blocks.erase(begin, begin + count);
        bytes -= step.length;
        break;
      case Kind::kInsert:
        ASSERT_LT(step.offset, bytes);
        blocks.insert(begin, static_cast<size_t>(count), kHole);
        bytes += step.length;
        break;
      case Kind::kTruncate:
        Resize(step.offset);
        break;
    }
  }
};

// The disk's file; consecutive blocks of the host in pieces, in no order.
ModelFile FileOf(DiskWithImage* disk) {
  ModelFile file;
  file.Resize(disk->disk_bytes);
  std::vector<size_t> order(disk->stretches.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), disk->random);
  uint64_t host = 1 + disk->Below(3);
  for (const size_t i : order) {
    if (!disk->stretches[i].allocated) continue;
    const DiskRun& run = disk->stretches[i].run;
    for (uint64_t b = 0; b < run.length / kBlock; ++b)
      file.blocks[run.offset / kBlock + b] = host++;
    host += disk->Below(2);
  }
  return file;
}

ModelFile ImageOf(const DiskWithImage& disk, const ModelFile& file) {
  ModelFile image;
  image.Resize(disk.image_bytes);
  for (const Extent& extent : disk.extents) {
    for (uint64_t at = 0; at < extent.length; at += kBlock) {
      const uint64_t to = (extent.file_offset + at) / kBlock;
      if (to < image.blocks.size())
        image.blocks[to] = file.blocks[(extent.disk_offset + at) / kBlock];
    }
  }
  return image;
}

void ExpectFinishes(const InPlacePlan& plan, ModelFile file, const ModelFile& image) {
  const absl::StatusOr<std::vector<InPlaceStep>> steps = FindSteps(plan, file.Map());
  ASSERT_TRUE(steps.ok()) << steps.status();
  for (const InPlaceStep& step : *steps) ASSERT_NO_FATAL_FAILURE(file.Take(step));
  EXPECT_EQ(file.blocks, image.blocks);
  EXPECT_EQ(file.bytes, image.bytes);
  const absl::StatusOr<std::vector<InPlaceStep>> left = FindSteps(plan, file.Map());
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_THAT(*left, IsEmpty());
}

// What a crash in the middle of a shift leaves. A collapse moves what is behind it from its end on,
// to some block, and changes the length last; an insert changes it first and moves from the file's
// end on: either way the hole is in two parts, one here and one at that block.
std::vector<ModelFile> MiddlesOf(const InPlaceStep& step, const ModelFile& before) {
  std::vector<ModelFile> middles;
  for (uint64_t at = step.offset + kBlock; at + kBlock <= before.bytes; at += kBlock) {
    ModelFile file = before;
    if (step.kind == Kind::kInsert) {
      file.Take({Kind::kInsert, at, step.length});
    } else if (step.kind == Kind::kCollapse && at + step.length < before.bytes) {
      file.Take(step);
      file.Take({Kind::kInsert, at, step.length});
    } else {
      continue;
    }
    middles.push_back(file);
  }
  return middles;
}

TEST(InPlacePlan, FinishesFromWhereverACrashStoppedIt) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    DiskWithImage disk(seed);
    ModelFile file = FileOf(&disk);
    const ModelFile image = ImageOf(disk, file);
    const std::optional<InPlacePlan> plan =
        MakeInPlacePlan(disk.extents, disk.image_bytes, file.Map(), kBlock);
    ASSERT_TRUE(plan.has_value());
    const absl::StatusOr<std::vector<InPlaceStep>> steps = FindSteps(*plan, file.Map());
    ASSERT_TRUE(steps.ok()) << steps.status();
    for (const InPlaceStep& step : *steps) {
      ExpectFinishes(*plan, file, image);
      for (const ModelFile& middle : MiddlesOf(step, file)) ExpectFinishes(*plan, middle, image);
      ASSERT_NO_FATAL_FAILURE(file.Take(step));
    }
    ExpectFinishes(*plan, file, image);
    if (HasFatalFailure() || HasNonfatalFailure()) return;  // one is enough to read
  }
}

// Disk: 2 blocks of others, 3 of the image, 4 of others, 2 of the image, 5 of others.
// Image: a block of hole, the 3, 6 of hole, the 2, and half a block more of hole.
constexpr uint64_t kHost = 100 * kBlock;
const BlockMap kMap = {.bytes = 16 * kBlock, .runs = {{0, kHost, 16 * kBlock}}};
const std::vector<Extent> kExtents = {{kBlock, 2 * kBlock, 3 * kBlock},
                                      {10 * kBlock, 9 * kBlock, 2 * kBlock}};
constexpr uint64_t kImageBytes = 12 * kBlock + 2048;

TEST(InPlacePlan, NamesTheImagesBlocksByTheirPlaceOnTheHost) {
  const std::optional<InPlacePlan> plan = MakeInPlacePlan(kExtents, kImageBytes, kMap, kBlock);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->image_bytes, kImageBytes);
  EXPECT_THAT(plan->blocks, ElementsAre(ImageBlocks{kHost + 2 * kBlock, kBlock, 3 * kBlock},
                                        ImageBlocks{kHost + 9 * kBlock, 10 * kBlock, 2 * kBlock}));
}

TEST(InPlacePlan, FreesFirstAndThenShiftsFromTheEndOn) {
  const std::optional<InPlacePlan> plan = MakeInPlacePlan(kExtents, kImageBytes, kMap, kBlock);
  ASSERT_TRUE(plan.has_value());
  const absl::StatusOr<std::vector<InPlaceStep>> steps = FindSteps(*plan, kMap);
  ASSERT_TRUE(steps.ok()) << steps.status();
  EXPECT_THAT(*steps, ElementsAre(InPlaceStep{Kind::kPunch, 0, 2 * kBlock},
                                  InPlaceStep{Kind::kPunch, 5 * kBlock, 4 * kBlock},
                                  InPlaceStep{Kind::kTruncate, 11 * kBlock, 0},
                                  InPlaceStep{Kind::kInsert, 5 * kBlock, 2 * kBlock},
                                  InPlaceStep{Kind::kCollapse, 0, kBlock},
                                  InPlaceStep{Kind::kTruncate, kImageBytes, 0}));
}

TEST(InPlacePlan, AnImageOfHolesKeepsNothing) {
  const BlockMap map = {.bytes = 16 * kBlock, .runs = {{0, kHost, 2 * kBlock}}};
  for (const std::vector<Extent>& extents : {std::vector<Extent>{}, kExtents}) {
    const std::optional<InPlacePlan> plan = MakeInPlacePlan(extents, kImageBytes, map, kBlock);
    ASSERT_TRUE(plan.has_value());
    const absl::StatusOr<std::vector<InPlaceStep>> steps = FindSteps(*plan, map);
    ASSERT_TRUE(steps.ok()) << steps.status();
    EXPECT_THAT(*steps, ElementsAre(InPlaceStep{Kind::kTruncate, 0, 0},
                                    InPlaceStep{Kind::kTruncate, kImageBytes, 0}));
  }
}

TEST(InPlacePlan, IsNoneWhereACopyIsTheWay) {
  EXPECT_TRUE(MakeInPlacePlan({{0, 0, kBlock}}, kImageBytes, kMap, kBlock).has_value());
  // Not in the image's order on the disk.
  EXPECT_FALSE(
      MakeInPlacePlan({{0, 4 * kBlock, kBlock}, {kBlock, 0, kBlock}}, kImageBytes, kMap, kBlock)
          .has_value());
  // Not of the host's blocks, as for a guest's filesystem with smaller ones.
  for (const Extent& extent :
       {Extent{1024, 0, kBlock}, Extent{0, 1024, kBlock}, Extent{0, 0, kBlock + 1024}}) {
    EXPECT_FALSE(MakeInPlacePlan({extent}, kImageBytes, kMap, kBlock).has_value());
  }
  EXPECT_FALSE(MakeInPlacePlan(kExtents, kImageBytes,
                               {.bytes = 16 * kBlock, .runs = {{0, kHost, kBlock + 512}}}, kBlock)
                   .has_value());
  // Longer meanwhile than ext4 can have.
  EXPECT_FALSE(
      MakeInPlacePlan(kExtents, 0xFFFFFFFF * kBlock - 8 * kBlock, kMap, kBlock).has_value());
  EXPECT_FALSE(MakeInPlacePlan(kExtents, uint64_t{1} << 63U, kMap, kBlock).has_value());
}

TEST(InPlacePlan, IsNoneForMoreShiftsThanACopyIsWorth) {
  for (const uint64_t count : {uint64_t{kMaxShifts}, uint64_t{kMaxShifts + 1}}) {
    std::vector<Extent> extents;
    for (uint64_t i = 0; i < count; ++i) {
      extents.push_back({2 * i * kBlock + kBlock, i * kBlock, kBlock});
    }
    const BlockMap map = {.bytes = count * kBlock, .runs = {{0, kHost, count * kBlock}}};
    EXPECT_EQ(MakeInPlacePlan(extents, 2 * count * kBlock, map, kBlock).has_value(),
              count == kMaxShifts);
  }
}

TEST(InPlacePlan, IsNoneForAnImageInCrumbs) {
  for (const uint64_t count : {uint64_t{kMaxImageBlocks}, uint64_t{kMaxImageBlocks + 1}}) {
    BlockMap map{.bytes = count * kBlock, .runs = {}};
    for (uint64_t i = 0; i < count; ++i) {
      map.runs.push_back({i * kBlock, kHost + 2 * i * kBlock, kBlock});
    }
    EXPECT_EQ(MakeInPlacePlan({{0, 0, count * kBlock}}, count * kBlock, map, kBlock).has_value(),
              count == kMaxImageBlocks);
  }
}

TEST(InPlacePlan, IsNotCarriedOutOnAFileThatLacksItsBlocks) {
  const std::optional<InPlacePlan> plan = MakeInPlacePlan(kExtents, kImageBytes, kMap, kBlock);
  ASSERT_TRUE(plan.has_value());
  const std::vector<std::vector<BlockRun>> table = {
      {},
      {{0, 2 * kHost, 16 * kBlock}},         // another file
      {{0, kHost, 10 * kBlock}},             // one block is gone
      {{0, kHost + 9 * kBlock, 2 * kBlock},  // in another order
       {4 * kBlock, kHost + 2 * kBlock, 3 * kBlock}}};
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(FindSteps(*plan, {.bytes = 16 * kBlock, .runs = table[i]}).status().code(),
              absl::StatusCode::kInternal)
        << i;
  }
}

TEST(InPlacePlan, IsRefusedIfItIsNone) {
  const std::vector<std::vector<ImageBlocks>> table = {
      {{kHost, 0, 0}},
      {{kHost, 0, 2 * kBlock}, {kHost + 4 * kBlock, kBlock, kBlock}},
      {{kHost, kBlock, kBlock}, {kHost + 4 * kBlock, 0, kBlock}},
      {{kHost, 0, 2 * kBlock}, {kHost + kBlock, 4 * kBlock, kBlock}}};
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(FindSteps({.image_bytes = kImageBytes, .blocks = table[i]}, kMap).status().code(),
              absl::StatusCode::kInternal)
        << i;
  }
}

}  // namespace
}  // namespace flatvm::storage
