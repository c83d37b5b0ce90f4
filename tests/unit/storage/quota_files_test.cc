#include "storage/quota_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/fake_quota_worker.h"

namespace flatvm::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;

class QuotaFilesTest : public ::testing::Test {
 protected:
  QuotaFilesTest() { fs::create_directories(Tenant()); }

  std::string Tenant() const { return root_.path() + "/tenants/acme"; }
  std::string Disk() const { return Tenant() + "/quota.raw"; }
  std::string Image() const { return Tenant() + "/volumes/" + kId + ".raw"; }
  // Everything below the tenant's directory, by relative path.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(Tenant())) {
      if (!entry.is_directory()) names.push_back(fs::relative(entry.path(), Tenant()));
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  // A disk whose every 4 KiB differ.
  void MakeDisk() {
    ASSERT_TRUE(files_.EnsureQuotaDisk("acme", kDiskMib).ok());
    std::fstream file(Disk(), std::ios::in | std::ios::out | std::ios::binary);
    for (uint64_t at = 0; at < kDiskMib * kMib; at += 4096) {
      const std::string mark = "block " + std::to_string(at) + ".";
      std::string block(4096, static_cast<char>('a' + at / 4096 % 26));
      block.replace(0, mark.size(), mark);
      file.write(block.data(), static_cast<std::streamsize>(block.size()));
    }
    file.flush();
    ASSERT_TRUE(file.good());
    const std::string disk = Read(Disk());
    for (const Extent& extent : Extents()) {
      image_ += disk.substr(extent.disk_offset, extent.length);
    }
    image_.resize(kImageBytes);
  }
  absl::StatusOr<Extracted> Extract() {
    return files_.Extract(
        {.tenant = "acme", .volume_id = kId, .path = "images/web.raw", .quota_disk_mib = kDiskMib});
  }
  void ExpectSwapped() {
    EXPECT_THAT(Names(), ElementsAre("quota.raw", std::string("volumes/") + kId + ".raw"));
    EXPECT_TRUE(Read(Image()) == image_);
    EXPECT_EQ(Read(Disk()).substr(0, 3), "new");
    EXPECT_EQ(fs::file_size(Disk()), kNewDiskMib * kMib);
  }

  fakes::TempDir root_;
  FakeWorker worker_;
  QuotaFiles files_{root_.path() + "/tenants", worker_};
  std::string image_;
};

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
  std::vector<Extent> extents = Extents();
  std::swap(extents[0].disk_offset, extents[1].disk_offset);
  worker_.found.extents = extents;
  MakeDisk();
  const std::string disk = Read(Disk());
  image_.clear();
  for (const Extent& extent : extents) image_ += disk.substr(extent.disk_offset, extent.length);
  image_.resize(kImageBytes);
  const auto extracted = Extract();
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  EXPECT_EQ(extracted->cuts, "");
  EXPECT_NE(worker_.ways.back(), ImageWay::kLeave);
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());
  ExpectSwapped();
}

// As it is after a crash between any two of its renames.
TEST_F(QuotaFilesTest, GoesOnWithASwapThatWasCutOff) {
  MakeDisk();
  const auto extracted = Extract();
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  if (extracted->cuts.empty()) {
    fs::rename(Disk() + ".new", Disk());
  } else {
    fs::rename(Disk(), Image() + ".new");
    ASSERT_FALSE(fs::exists(Disk()));
  }
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());
  ExpectSwapped();
}

TEST_F(QuotaFilesTest, GoesOnWhereBothAreRenamedButNotCut) {
  MakeDisk();
  const auto extracted = Extract();
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  if (extracted->cuts.empty()) GTEST_SKIP() << "this filesystem cuts nothing out in place";
  fs::rename(Disk(), Image() + ".new");
  fs::rename(Disk() + ".new", Disk());
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());
  ExpectSwapped();
}

// At every step, and once more at the first of those that follow.
TEST_F(QuotaFilesTest, IsWholeAgainWhereverItWasCutOff) {
  struct CutOff {};
  size_t passed = 0;
  size_t cut_at = 0;
  QuotaFiles files(root_.path() + "/tenants", worker_, base::Steps([&](base::Step) {
                     if (passed++ == cut_at) throw CutOff();
                   }));
  MakeDisk();
  const std::string before = Read(Disk());
  for (bool whole = false; !whole; ++cut_at) {
    SCOPED_TRACE(cut_at);
    fs::remove_all(Tenant() + "/volumes");
    std::ofstream(Disk(), std::ios::binary) << before;
    std::optional<Extracted> made;
    passed = 0;
    try {
      made = files
                 .Extract({.tenant = "acme",
                           .volume_id = kId,
                           .path = "images/web.raw",
                           .quota_disk_mib = kDiskMib})
                 .value();
      ASSERT_TRUE(files.Swap("acme", kId, *made).ok());
      whole = true;
    } catch (const CutOff&) {
    }
    if (!made.has_value()) {
      ASSERT_TRUE(files_.Discard("acme", kId).ok());
      EXPECT_THAT(Names(), ElementsAre("quota.raw"));
      EXPECT_TRUE(Read(Disk()) == before);
      continue;
    }
    passed = cut_at;
    try {
      ASSERT_TRUE(files.Swap("acme", kId, *made).ok());
    } catch (const CutOff&) {
    }
    ASSERT_TRUE(files_.Swap("acme", kId, *made).ok());
    ExpectSwapped();
  }
  EXPECT_GT(cut_at, 7U);
}

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
