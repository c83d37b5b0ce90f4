#include "storage/extent_check.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "daemon/base/error.h"

namespace flatvm::storage {
namespace {

using base::Reason;

constexpr uint64_t kKib = 1024;
constexpr uint64_t kDiskBytes = 1024 * kKib;
constexpr uint64_t kImageBytes = 256 * kKib;
constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();

struct Refused {
  const char* why;
  Reason reason;
  std::vector<Extent> extents;
  uint64_t image_bytes = kImageBytes;
};

TEST(CheckExtents, TakesWhatAReaderMayGive) {
  EXPECT_TRUE(CheckExtents({}, kImageBytes, kDiskBytes).ok());
  EXPECT_TRUE(CheckExtents({{0, 0, kImageBytes}}, kImageBytes, kDiskBytes).ok());
  EXPECT_TRUE(CheckExtents({{0, kDiskBytes - kKib, kKib}}, 512, kDiskBytes).ok());
  // Side by side, and down on the disk.
  EXPECT_TRUE(CheckExtents({{0, 9 * kKib, kKib}, {kKib, 8 * kKib, kKib}, {4 * kKib, 0, 2 * kKib}},
                           kImageBytes, kDiskBytes)
                  .ok());
  // The last block of a filesystem with blocks of 64 KiB.
  EXPECT_TRUE(CheckExtents({{0, 0, 64 * kKib}}, 512, kDiskBytes).ok());
}

TEST(CheckExtents, RefusesWhatCannotBe) {
  const std::vector<Refused> table = {
      {"empty", Reason::kFieldOutOfRange, {{0, 0, 0}}},
      {"ends behind the disk", Reason::kFieldOutOfRange, {{0, kDiskBytes - kKib, 2 * kKib}}},
      {"begins behind the disk", Reason::kFieldOutOfRange, {{0, kDiskBytes + kKib, kKib}}},
      {"ends behind the image", Reason::kFieldOutOfRange, {{0, 0, kImageBytes + kKib}}},
      {"begins behind the image", Reason::kFieldOutOfRange, {{kImageBytes + kKib, 0, kKib}}},
      {"more than the last block", Reason::kFieldOutOfRange, {{0, 0, 65 * kKib}}, 512},
      {"disk end overflows", Reason::kFieldOutOfRange, {{0, kMax - kKib + 1, 2 * kKib}}},
      {"file end overflows", Reason::kFieldOutOfRange, {{kMax - kKib + 1, 0, 2 * kKib}}},
      {"length overflows", Reason::kFieldOutOfRange, {{kKib, kKib, kMax - kKib + 1}}},
      {"no whole block of the disk", Reason::kFieldMalformed, {{0, 512, kKib}}},
      {"no whole block of the file", Reason::kFieldMalformed, {{512, 0, kKib}}},
      {"no whole block", Reason::kFieldMalformed, {{0, 0, kKib + 1}}},
      {"twice", Reason::kFieldMalformed, {{0, 0, kKib}, {0, 0, kKib}}},
      {"overlap in the file", Reason::kFieldMalformed, {{0, 0, 2 * kKib}, {kKib, 8 * kKib, kKib}}},
      {"overlap on the disk",
       Reason::kFieldMalformed,
       {{0, 4 * kKib, 2 * kKib}, {8 * kKib, 0, kKib}, {16 * kKib, 3 * kKib, 2 * kKib}}},
      {"descend in the file", Reason::kFieldMalformed, {{8 * kKib, 0, kKib}, {0, 8 * kKib, kKib}}},
      {"too many", Reason::kFieldOutOfRange, std::vector<Extent>(kMaxExtents + 1)},
      {"an image of nothing", Reason::kFieldOutOfRange, {}, 0},
      {"a huge image", Reason::kFieldOutOfRange, {}, uint64_t{1} << 62U},
      {"half a sector", Reason::kFieldMalformed, {}, 256},
  };
  for (const Refused& refused : table) {
    const absl::Status status = CheckExtents(refused.extents, refused.image_bytes, kDiskBytes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refused.why;
    EXPECT_EQ(base::GetErrorInfo(status).reason, refused.reason) << refused.why;
  }
}

TEST(CheckExtents, NamesTheElement) {
  const absl::Status status =
      CheckExtents({{0, 0, kKib}, {kKib, kKib, 0}}, kImageBytes, kDiskBytes);
  EXPECT_EQ(base::GetErrorInfo(status).field, "extents[1]");
}

TEST(CheckRuns, RefusesWhatCannotBe) {
  EXPECT_TRUE(CheckRuns({}, 0).ok());
  EXPECT_TRUE(CheckRuns({{0, 1}, {1, 2}, {7, kDiskBytes - 7}}, kDiskBytes).ok());
  const std::vector<std::vector<DiskRun>> table = {{{0, 0}},
                                                   {{0, kDiskBytes + 1}},
                                                   {{kDiskBytes, 1}},
                                                   {{8, kMax - 1}},
                                                   {{0, 2}, {1, 2}},
                                                   {{8, 1}, {0, 1}},
                                                   std::vector<DiskRun>(kMaxExtents + 1)};
  for (size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(CheckRuns(table[i], kDiskBytes).code(), absl::StatusCode::kInvalidArgument) << i;
  }
}

}  // namespace
}  // namespace flatvm::storage
