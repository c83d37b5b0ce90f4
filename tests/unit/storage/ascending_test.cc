#include "storage/ascending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// In the file one behind the other, at these places of the disk.
std::vector<Extent> At(const std::vector<std::pair<uint64_t, uint64_t>>& offsets_and_lengths) {
  std::vector<Extent> extents;
  uint64_t file_offset = 0;
  for (const auto& [offset, length] : offsets_and_lengths) {
    extents.push_back({.file_offset = file_offset, .disk_offset = offset, .length = length});
    file_offset += length;
  }
  return extents;
}

TEST(SplitAscending, KeepsWhatAscends) {
  EXPECT_THAT(SplitAscending({}).kept, IsEmpty());
  const std::vector<Extent> extents = At({{10, 5}, {20, 1}, {30, 7}});
  const AscendingSplit split = SplitAscending(extents);
  EXPECT_EQ(split.kept, extents);
  EXPECT_THAT(split.strays, IsEmpty());
  EXPECT_EQ(split.stray_bytes, 0U);
}

TEST(SplitAscending, KeepsTheLargerPartOfWhatWentOnAtTheBeginning) {
  std::vector<Extent> extents = At({{50, 30}, {80, 20}, {10, 40}});
  AscendingSplit split = SplitAscending(extents);
  EXPECT_THAT(split.kept, ElementsAre(extents[0], extents[1]));
  EXPECT_THAT(split.strays, ElementsAre(extents[2]));
  EXPECT_EQ(split.stray_bytes, 40U);
  extents = At({{90, 10}, {0, 80}, {80, 5}});
  split = SplitAscending(extents);
  EXPECT_THAT(split.kept, ElementsAre(extents[1], extents[2]));
  EXPECT_THAT(split.strays, ElementsAre(extents[0]));
}

// The most that any choice would keep, tried one by one.
uint64_t MostByTrial(const std::vector<Extent>& extents) {
  uint64_t most = 0;
  for (uint64_t choice = 0; choice < uint64_t{1} << extents.size(); ++choice) {
    uint64_t bytes = 0;
    uint64_t end = 0;
    bool ascends = true;
    for (size_t i = 0; i < extents.size(); ++i) {
      if ((choice >> i & 1U) == 0) continue;
      ascends = ascends && extents[i].disk_offset >= end;
      end = extents[i].disk_offset + extents[i].length;
      bytes += extents[i].length;
    }
    if (ascends) most = std::max(most, bytes);
  }
  return most;
}

TEST(SplitAscending, KeepsAsMuchAsAnyChoiceCould) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<uint64_t, uint64_t>> places;
    uint64_t offset = 0;
    for (uint64_t count = random() % 11; count > 0; --count) {
      const uint64_t length = 1 + random() % 9;
      places.emplace_back(offset, length);
      offset += length + random() % 3;
    }
    std::shuffle(places.begin(), places.end(), random);
    const std::vector<Extent> extents = At(places);
    const AscendingSplit split = SplitAscending(extents);
    uint64_t kept = 0;
    uint64_t end = 0;
    for (const Extent& extent : split.kept) {
      EXPECT_GE(extent.disk_offset, end);
      end = extent.disk_offset + extent.length;
      kept += extent.length;
    }
    EXPECT_EQ(kept, MostByTrial(extents)) << round;
    EXPECT_EQ(split.kept.size() + split.strays.size(), extents.size());
  }
}

}  // namespace
}  // namespace flatvm::storage
