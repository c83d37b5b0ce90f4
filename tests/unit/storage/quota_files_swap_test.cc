// What QuotaFiles makes of an image and a disk, wherever it is cut off.
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

// As an allocator leaves it that came to the end of the disk: one place of the image is before the
// other, the smaller of which is copied, and no more.
TEST_F(QuotaFilesTest, CopiesNoMoreThanWhatDoesNotRise) {
  worker_.found.extents = WrappedExtents();
  MakeDisk();
  const auto extracted = Extract();
  ASSERT_TRUE(extracted.ok()) << extracted.status();
  if (extracted->cuts.empty()) GTEST_SKIP() << "this filesystem cuts nothing out in place";
  EXPECT_EQ(worker_.ways.back(), ImageWay::kLeave);
  struct stat strays {};
  ASSERT_EQ(::stat((Tenant() + "/volumes/" + kId + ".raw.strays").c_str(), &strays), 0);
  EXPECT_EQ(strays.st_blocks * 512, off_t{kMib});
  ASSERT_TRUE(files_.Swap("acme", kId, *extracted).ok());
  ExpectSwapped();
}

TEST_F(QuotaFilesTest, DiscardsTheStraysToo) {
  worker_.found.extents = WrappedExtents();
  MakeDisk();
  ASSERT_TRUE(Extract().ok());
  ASSERT_TRUE(files_.Discard("acme", kId).ok());
  EXPECT_THAT(Names(), ElementsAre("quota.raw"));
}

// At every step, and once more at the first of those that follow; with what is copied beside the
// cut, and without.
class QuotaFilesCutOffTest : public QuotaFilesTest {
 protected:
  void ExpectWholeWhereverCutOff();
};

TEST_F(QuotaFilesCutOffTest, IsWholeAgain) { ExpectWholeWhereverCutOff(); }

TEST_F(QuotaFilesCutOffTest, IsWholeAgainWithStrays) {
  worker_.found.extents = WrappedExtents();
  ExpectWholeWhereverCutOff();
}

void QuotaFilesCutOffTest::ExpectWholeWhereverCutOff() {
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

}  // namespace
}  // namespace flatvm::storage
