#include "storage/quota_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "tests/unit/storage/quota_files_fixture.h"

namespace flatvm::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

TEST_F(QuotaFilesTest, MakesADiskOnceAndNothingIfItCannotBeFormatted) {
  worker_.format_status = absl::InternalError("no");
  EXPECT_FALSE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
  EXPECT_TRUE(Names().empty());
  worker_.format_status = absl::OkStatus();
  ASSERT_TRUE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
  struct stat info {};
  ASSERT_EQ(::stat(Disk().c_str(), &info), 0);
  EXPECT_EQ(static_cast<uint64_t>(info.st_size), kDiskMib * kMib);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  EXPECT_LT(info.st_blocks, 64);
  ASSERT_TRUE(files_.EnsureQuotaDisk("acme", 2 * kDiskMib).ok());
  EXPECT_EQ(fs::file_size(Disk()), kDiskMib * kMib);
  EXPECT_EQ(files_.QuotaDiskPath("acme"), Disk());
  EXPECT_EQ(files_.QuotaDiskPath("../x"), "");
}

TEST_F(QuotaFilesTest, RemovesWhatACrashLeftBesideTheDisk) {
  ASSERT_TRUE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
  std::ofstream(Disk() + ".new") << "half";
  ASSERT_TRUE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
  EXPECT_THAT(Names(), ElementsAre("quota.raw"));
}

// Where blocks are not shared the disk has to be nobody's; where they are, it is as if it were.
TEST_F(QuotaFilesTest, ExtractsEarlyWhereThatLeavesTheDiskAsItIs) {
  MakeDisk();
  const std::string before = Read(Disk());
  const auto early = files_.ExtractEarly(Order());
  ASSERT_TRUE(early.ok()) << early.status();
  EXPECT_TRUE(Read(Disk()) == before);
  if (!early->has_value()) {
    EXPECT_THAT(Names(), ElementsAre("quota.raw"));
    return;
  }
  ASSERT_TRUE((*early)->result.ok()) << (*early)->result.status();
  EXPECT_TRUE(*files_.IsUnchanged("acme", (*early)->disk));
  std::fstream(Disk(), std::ios::in | std::ios::out | std::ios::binary) << "a guest was here";
  EXPECT_FALSE(*files_.IsUnchanged("acme", (*early)->disk));
}

TEST_F(QuotaFilesTest, GrowsAndNeverShrinks) {
  ASSERT_TRUE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
  EXPECT_TRUE(files_.GrowQuotaDisk("acme", kDiskMib).ok());
  EXPECT_TRUE(files_.GrowQuotaDisk("acme", kDiskMib + 1).ok());
  EXPECT_EQ(fs::file_size(Disk()), (kDiskMib + 1) * kMib);
  EXPECT_FALSE(files_.GrowQuotaDisk("acme", kDiskMib).ok());
  EXPECT_TRUE(files_.RemoveQuotaDisk("acme").ok());
  EXPECT_TRUE(files_.RemoveQuotaDisk("acme").ok());
  EXPECT_TRUE(files_.RemoveQuotaDisk("nobody").ok());
  EXPECT_TRUE(Names().empty());
}

TEST_F(QuotaFilesTest, TakesAnImageOutAndTouchesNothingBeforeTheSwap) {
  MakeDisk();
  const std::string before = Read(Disk());
  const auto extracted = Extract();
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  EXPECT_EQ(worker_.begun, "acme:images/web.raw");
  EXPECT_EQ(extracted->image_bytes, kImageBytes);
  EXPECT_TRUE(Read(Disk()) == before);
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());
  ExpectSwapped();
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());  // again
  ExpectSwapped();
}

TEST_F(QuotaFilesTest, CopiesAnImageThatDoesNotRiseOnTheDisk) {
  std::swap(worker_.found.extents[0].disk_offset, worker_.found.extents[1].disk_offset);
  MakeDisk();
  const auto extracted = Extract();
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  EXPECT_EQ(extracted->cuts, "");
  EXPECT_NE(worker_.ways.back(), ImageWay::kLeave);
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());
  ExpectSwapped();
}

// As it is after a crash between any two of its renames.
TEST_F(QuotaFilesTest, DiscardsWhatWasMade) {
  MakeDisk();
  const std::string before = Read(Disk());
  ASSERT_TRUE(Extract().ok());
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(files_.Discard("acme", kId).ok());
    EXPECT_THAT(Names(), ElementsAre("quota.raw"));
    EXPECT_TRUE(Read(Disk()) == before);
  }
  EXPECT_TRUE(files_.Discard("nobody", kId).ok());
  ASSERT_TRUE(Extract().ok());  // and once more
}

TEST_F(QuotaFilesTest, BelievesNothingThatAWorkerSays) {
  MakeDisk();
  const FoundImage good = worker_.found;
  const std::vector<std::function<void(FoundImage*)>> lies = {
      [](FoundImage* found) { found->extents[1].disk_offset = kDiskMib * kMib; },
      [](FoundImage* found) { found->extents[1].disk_offset = found->extents[0].disk_offset; },
      [](FoundImage* found) { found->extents[1].file_offset = 0; },
      [](FoundImage* found) { found->extents[0].length = 0; },
      [](FoundImage* found) { found->extents[0].length = ~uint64_t{0}; },
      [](FoundImage* found) { found->image_bytes = 0; },
      [](FoundImage* found) { found->image_bytes = 511; },
      [](FoundImage* found) { found->image_bytes = kMib; }};
  for (const auto& lie : lies) {
    worker_.found = good;
    lie(&worker_.found);
    EXPECT_FALSE(Extract().ok());
    EXPECT_THAT(Names(), ElementsAre("quota.raw"));
  }
}

TEST_F(QuotaFilesTest, RefusesAnImageThatLeavesNoDisk) {
  MakeDisk();
  worker_.found = {.image_bytes = (kDiskMib - 4) * kMib, .extents = {}};
  EXPECT_EQ(base::GetErrorInfo(Extract().status()).reason, base::Reason::kQuotaDiskFull);
}

TEST_F(QuotaFilesTest, SaysWhatTheWorkerSays) {
  MakeDisk();
  worker_.take_status = base::MakeError(absl::StatusCode::kFailedPrecondition,
                                        base::Reason::kQuotaDiskUnusable, "is damaged");
  EXPECT_EQ(base::GetErrorInfo(Extract().status()).reason, base::Reason::kQuotaDiskUnusable);
}

TEST_F(QuotaFilesTest, NeedsATenantsDirectoryAndAnId) {
  EXPECT_FALSE(files_.EnsureQuotaDisk("nobody", kDiskMib).ok());
  EXPECT_FALSE(files_.EnsureQuotaDisk("../acme", kDiskMib).ok());
  EXPECT_FALSE(files_.Swap("acme", "../../x", {}).ok());
  EXPECT_FALSE(files_.Discard("acme", "x").ok());
}

}  // namespace
}  // namespace flatvm::storage
