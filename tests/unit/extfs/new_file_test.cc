#include "storage/extfs/new_file.h"

#include <ext2fs/ext2fs.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

constexpr uint64_t kKib = 1024;
constexpr uint64_t kAlignment = 4096;

base::Reason ReasonOf(const absl::Status& status) { return base::GetErrorInfo(status).reason; }

// `content` at every run of `data`, zeros elsewhere.
std::string ContentOf(const std::string& content, const std::vector<storage::DiskRun>& data) {
  std::string result(content.size(), '\0');
  for (const storage::DiskRun& run : data) {
    result.replace(run.offset, run.length, content, run.offset, run.length);
  }
  return result;
}

// Makes a file and writes its bytes, as a worker does.
absl::StatusOr<std::vector<storage::Extent>> AddOn(const QuotaDisk& disk, const std::string& path,
                                                   const std::string& content,
                                                   std::vector<storage::DiskRun> data) {
  const base::UniqueFd fd = disk.Open();
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kReadWrite);
  if (!fs.ok()) return fs.status();
  FLATVM_ASSIGN_OR_RETURN(
      const std::vector<storage::Extent> extents,
      AddFile(&*fs, path,
              {.bytes = content.size(), .data = std::move(data), .alignment = kAlignment}));
  for (const storage::Extent& extent : extents) {
    std::string bytes = content.substr(extent.file_offset, extent.length);
    bytes.resize(extent.length, '\0');
    EXPECT_EQ(
        ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(extent.disk_offset)),
        static_cast<ssize_t>(bytes.size()));
  }
  FLATVM_RETURN_IF_ERROR(fs->Commit());
  return extents;
}

absl::Status CheckOn(const QuotaDisk& disk, std::string_view path) {
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  const absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kRead);
  return fs.ok() ? CheckPlace(*fs, path) : fs.status();
}

TEST(AddFile, LeavesACleanFilesystemOfEveryKindWithTheFileOnIt) {
  const std::vector<std::vector<std::string>> kinds = {
      {"-b", "1024"},
      {"-b", "2048"},
      {"-b", "4096"},
      {"-b", "1024", "-O", "^metadata_csum"},
      {"-b", "1024", "-O", "^metadata_csum,uninit_bg"},
      {"-b", "1024", "-O", "^64bit"},
      {"-b", "1024", "-O", "^flex_bg"},
      {"-O", "^has_journal"},
      {"-O", "metadata_csum_seed,orphan_file"},
      {"-I", "128"}};
  const std::string content = Noise(3 * 1024 * kKib + 512, 7);
  const std::vector<storage::DiskRun> data = {{.offset = 0, .length = 64 * kKib},
                                              {.offset = 128 * kKib, .length = 2048 * kKib},
                                              {.offset = 3072 * kKib - 4096, .length = 4096 + 512}};
  for (const std::vector<std::string>& options : kinds) {
    const std::string kind = ::testing::PrintToString(options);
    QuotaDisk disk;
    disk.Put("images/behind", Noise(5000, 3));
    disk.Put("other/deep/file", Noise(70000, 4));
    disk.Make(options, 40);
    ASSERT_EQ(disk.Fsck(), "") << kind;
    const auto extents = AddOn(disk, kImagePath, content, data);
    ASSERT_TRUE(extents.ok()) << kind << ": " << extents.status();
    EXPECT_EQ(disk.Fsck(), "") << kind;
    EXPECT_TRUE(disk.Dump(kImagePath) == ContentOf(content, data)) << kind;
    EXPECT_EQ(disk.Dump("images/behind"), Noise(5000, 3)) << kind;
    EXPECT_EQ(disk.Dump("other/deep/file"), Noise(70000, 4)) << kind;
    uint64_t end = 0;
    for (const storage::Extent& extent : *extents) {
      EXPECT_EQ(extent.file_offset % kAlignment, 0U) << kind;
      EXPECT_EQ(extent.disk_offset % kAlignment, 0U) << kind;
      EXPECT_GE(extent.disk_offset, end) << kind;
      end = extent.disk_offset + extent.length;
    }
    // It can leave again, as it came.
    const absl::StatusOr<Image> image = FindOn(disk, Access::kRead);
    ASSERT_TRUE(image.ok()) << kind << ": " << image.status();
    EXPECT_EQ(image->bytes, content.size());
    EXPECT_EQ(image->extents, *extents) << kind;
  }
}

TEST(AddFile, TakesALargeFreeRunRatherThanManySmallOnes) {
  QuotaDisk disk;
  for (int i = 0; i < 64; ++i) disk.Put("other/" + std::to_string(i), Noise(16 * kKib));
  disk.Put("images/x", "x");
  disk.Make({"-b", "1024"}, 40);
  for (int i = 0; i < 64; i += 2) disk.Debugfs({"rm /other/" + std::to_string(i)});
  ASSERT_EQ(disk.Fsck(), "");
  const std::string content = Noise(1024 * kKib);
  const auto extents = AddOn(disk, kImagePath, content, {{.offset = 0, .length = content.size()}});
  ASSERT_TRUE(extents.ok()) << extents.status();
  EXPECT_EQ(extents->size(), 1U);
  EXPECT_EQ(disk.Fsck(), "");
}

TEST(AddFile, FillsWhatIsFreeInPiecesOfATreeOfExtents) {
  QuotaDisk disk;
  constexpr int kFiles = 3000;
  for (int i = 0; i < kFiles; ++i) disk.Put("other/" + std::to_string(i), Noise(kKib));
  disk.Put("images/x", "x");
  disk.Make({"-b", "1024", "-N", "4096", "-m", "0"}, 8);
  disk.Put("filler", "");
  std::vector<std::string> requests;
  for (int i = 0; i < kFiles; i += 2) requests.push_back("rm /other/" + std::to_string(i));
  disk.Debugfs(requests);
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  uint64_t free = Filesystem::Open(fd.get(), Access::kRead)->usage().free_blocks;
  ASSERT_GT(free, 1400U);
  // The tree itself needs a few.
  const std::string content = Noise((free - 40) * kKib);
  const auto extents = AddOn(disk, kImagePath, content, {{.offset = 0, .length = content.size()}});
  ASSERT_TRUE(extents.ok()) << extents.status();
  EXPECT_GT(extents->size(), 500U);
  EXPECT_EQ(disk.Fsck(), "");
  EXPECT_TRUE(disk.Dump(kImagePath) == content);
}

TEST(AddFile, MakesAFileOfHolesOnly) {
  QuotaDisk disk;
  disk.Put("images/x", "x");
  disk.Make();
  const auto extents = AddOn(disk, kImagePath, std::string(kKib * kKib, '\0'), {});
  ASSERT_TRUE(extents.ok()) << extents.status();
  EXPECT_TRUE(extents->empty());
  EXPECT_EQ(disk.Fsck(), "");
  EXPECT_TRUE(disk.Dump(kImagePath) == std::string(kKib * kKib, '\0'));
}

TEST(AddFile, MakesAFileLargerThanTheDisk) {
  QuotaDisk disk;
  disk.Put("images/x", "x");
  disk.Make();
  const base::UniqueFd fd = disk.Open();
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kReadWrite);
  ASSERT_TRUE(fs.ok());
  const uint64_t bytes = uint64_t{6} << 30U;  // more than 2 GiB needs a feature of its own
  ASSERT_TRUE(AddFile(&*fs, kImagePath,
                      {.bytes = bytes,
                       .data = {{.offset = bytes - kAlignment, .length = kAlignment}},
                       .alignment = kAlignment})
                  .ok());
  ASSERT_TRUE(fs->Commit().ok());
  EXPECT_EQ(disk.Fsck(), "");
  EXPECT_EQ(FindOn(disk, Access::kRead)->bytes, bytes);
}

TEST(AddFile, FindsRoomInDirectoriesOfEveryKind) {
  QuotaDisk disk;
  for (int i = 0; i < 400; ++i) disk.Put("images/file-number-" + std::to_string(i), "x");
  disk.Put("small/x", "x");
  disk.Make({"-b", "1024", "-N", "2048"}, 16);
  disk.IndexDirectories();
  ASSERT_EQ(disk.Fsck(), "");
  for (int i = 0; i < 40; ++i) {
    const std::string name = std::string(200, 'n') + std::to_string(i);
    for (const char* directory : {"images/", "small/"}) {
      const auto extents =
          AddOn(disk, directory + name, Noise(kKib), {{.offset = 0, .length = kKib}});
      ASSERT_TRUE(extents.ok()) << name << ": " << extents.status();
    }
  }
  ASSERT_TRUE(AddOn(disk, "top.raw", Noise(kKib), {{.offset = 0, .length = kKib}}).ok());
  EXPECT_EQ(disk.Fsck(), "");
  EXPECT_TRUE(disk.Dump("images/" + std::string(200, 'n') + "39") == Noise(kKib));
}

TEST(AddFile, RefusesWhatFindsNoRoomAndWritesNothing) {
  QuotaDisk disk;
  disk.Put("images/x", "x");
  disk.Make();
  const std::string before = disk.Bytes();
  const std::string content = Noise(8 * kKib * kKib);
  const auto extents = AddOn(disk, kImagePath, content, {{.offset = 0, .length = content.size()}});
  EXPECT_EQ(ReasonOf(extents.status()), base::Reason::kQuotaDiskFull);
  EXPECT_TRUE(disk.Bytes() == before);
}

TEST(CheckPlace, SaysWhatIsInTheWay) {
  QuotaDisk disk;
  disk.MakeWithImage();
  disk.Debugfs({"symlink /link images"});
  EXPECT_TRUE(CheckOn(disk, "images/other.raw").ok());
  EXPECT_TRUE(CheckOn(disk, "other.raw").ok());
  for (const char* path : {kImagePath, "images", "gone/web.raw", "images/web.raw/x", "link/x"}) {
    EXPECT_EQ(ReasonOf(CheckOn(disk, path)), base::Reason::kQuotaPathUnusable) << path;
  }
  for (const char* path : {"", "/x", "a//b", "../x"}) {
    EXPECT_EQ(ReasonOf(CheckOn(disk, path)), base::Reason::kFieldMalformed) << path;
  }
}

TEST(CheckRoom, CountsWhatTheDisksGrowthBringsAndTakes) {
  QuotaDisk disk;
  disk.Make({"-b", "1024"}, 16);
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  const absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kRead);
  ASSERT_TRUE(fs.ok());
  const uint64_t free = fs->usage().free_blocks * kKib;
  constexpr uint64_t kMib = kKib * kKib;
  EXPECT_TRUE(CheckRoom(*fs, free, 16 * kMib).ok());
  EXPECT_EQ(ReasonOf(CheckRoom(*fs, free + 1, 16 * kMib)), base::Reason::kQuotaDiskFull);
  EXPECT_TRUE(CheckRoom(*fs, free + 14 * kMib, 32 * kMib).ok());
  EXPECT_FALSE(CheckRoom(*fs, free + 16 * kMib, 32 * kMib).ok());
}

TEST(Filesystem, IsCheckedWhateverTheGuestsClockSaid) {
  QuotaDisk disk;
  disk.MakeWithImage();
  disk.EditSuper([](ext2_super_block* super) { super->s_mtime = super->s_lastcheck + 3600; });
  const base::UniqueFd fd = disk.Open();
  absl::StatusOr<Filesystem> fs = Filesystem::Open(fd.get(), Access::kReadWrite);
  ASSERT_TRUE(fs.ok()) << fs.status();
  fs->SetChecked();
  ASSERT_TRUE(fs->Commit().ok());
  disk.EditSuper([](ext2_super_block* super) { EXPECT_GE(super->s_lastcheck, super->s_mtime); });
  EXPECT_EQ(disk.Fsck(), "");
}

}  // namespace
}  // namespace flatvm::extfs
