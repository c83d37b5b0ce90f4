#include "storage/extfs/image.h"

#include <ext2fs/ext2fs.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "storage/extfs/image_path.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

void ExpectError(const absl::Status& status, absl::StatusCode code, base::Reason reason,
                 const std::string& what) {
  EXPECT_EQ(status.code(), code) << what << ": " << status;
  EXPECT_EQ(base::GetErrorInfo(status).reason, reason) << what;
}

// Every `stride`th KiB is data, the others are zeros, which mke2fs leaves out.
std::string Striped(size_t kibibytes, size_t stride) {
  std::string content(kibibytes * 1024, '\0');
  for (size_t i = 0; i < kibibytes; i += stride) {
    content.replace(i * 1024, 1024, Noise(1024, static_cast<unsigned>(i)));
  }
  return content;
}

TEST(FindImage, FindsTheBytesWhateverTheBlockSize) {
  const std::string images = Noise(300 * 1024 + 512);
  for (const char* block_bytes : {"1024", "2048", "4096"}) {
    QuotaDisk disk;
    disk.Put("web.raw", Noise(512, 2));
    disk.Put("a/b/c/d/e.qcow2", images);
    disk.Make({"-b", block_bytes});
    const absl::StatusOr<Image> web = FindOn(disk, Access::kRead, "web.raw");
    ASSERT_TRUE(web.ok()) << web.status();
    EXPECT_EQ(ContentOf(disk, *web), Noise(512, 2));
    EXPECT_THAT(web->extents, SizeIs(1));
    const absl::StatusOr<Image> deep = FindOn(disk, Access::kRead, "a/b/c/d/e.qcow2");
    ASSERT_TRUE(deep.ok()) << deep.status();
    EXPECT_EQ(deep->bytes, images.size());
    EXPECT_EQ(ContentOf(disk, *deep), images);
  }
}

// 4 extents fit in the inode, 84 in a node of 1 KiB: trees of depth 0, 1 and 2.
TEST(FindImage, ReadsTreesOfEveryDepth) {
  for (const size_t kibibytes : {8U, 150U, 1500U}) {
    QuotaDisk disk;
    const std::string content = Striped(kibibytes, 2);
    disk.Put(kImagePath, content);
    disk.Make({"-b", "1024"});
    const absl::StatusOr<Image> image = FindOn(disk);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_THAT(image->extents, SizeIs(kibibytes / 2));
    EXPECT_EQ(ContentOf(disk, *image), content);
  }
}

TEST(FindImage, LeavesHolesAndWhatWasNeverWrittenOut) {
  QuotaDisk disk;
  const std::string content = Noise(4096) + std::string(40960, '\0') + Noise(4096, 2);
  disk.Put(kImagePath, content);
  disk.Make({"-b", "4096"});
  const size_t blocks = FindOn(disk)->blocks.size();
  disk.Debugfs({"fallocate /images/web.raw 3 5", "fallocate /images/web.raw 20 30"});
  const absl::StatusOr<Image> image = FindOn(disk);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->bytes, content.size());
  ASSERT_THAT(image->extents, SizeIs(2));
  EXPECT_EQ(image->extents[0].length, 4096U);
  EXPECT_EQ(image->extents[1].file_offset, 45056U);
  EXPECT_EQ(image->extents[1].length, 4096U);
  EXPECT_EQ(ContentOf(disk, *image), content);
  EXPECT_GT(image->blocks.size(), blocks);  // they are the image's all the same
}

TEST(FindImage, TakesAnImageThatIsAllHole) {
  QuotaDisk disk;
  disk.Put(kImagePath, std::string(size_t{1} << 20U, '\0'));
  disk.Make();
  const absl::StatusOr<Image> image = FindOn(disk);
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->bytes, uint64_t{1} << 20U);
  EXPECT_THAT(image->extents, IsEmpty());
  EXPECT_EQ(*ReadBeginning(disk.Open().get(), *image, 16), std::string(16, '\0'));
}

TEST(FindImage, HoldsTheCallersBound) {
  QuotaDisk disk;
  disk.Put(kImagePath, Noise(8192));
  disk.Make();
  const base::UniqueFd fd = disk.Open();
  const absl::StatusOr<Filesystem> opened = Filesystem::Open(fd.get(), Access::kRead);
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(FindImage(*opened, kImagePath, 8192).ok());
  ExpectError(FindImage(*opened, kImagePath, 8191).status(), absl::StatusCode::kFailedPrecondition,
              base::Reason::kImageUnusable, "8191");
}

TEST(FindImage, SaysWhatIsNotThere) {
  QuotaDisk disk;
  disk.Put("images/web.raw", Noise(512));
  disk.Make();
  for (const char* path : {"web.raw", "images/web", "images/web.rawr", "Images/web.raw",
                           "images/web.raw/x", "images/x/y"}) {
    ExpectError(FindOn(disk, Access::kRead, path).status(), absl::StatusCode::kNotFound,
                base::Reason::kImageNotFound, path);
  }
}

TEST(FindImage, FindsNamesOfAnyBytesInLargeDirectories) {
  QuotaDisk disk;
  const std::string odd = "images/ \xff\n\x1b[2J" + std::string(240, 'n');
  disk.Put(odd, Noise(512, 9));
  for (int i = 0; i < 1500; ++i) disk.Put("images/file-number-" + std::to_string(i), "x");
  disk.Put("images/last", Noise(512, 3));
  disk.Make({"-b", "1024", "-N", "4096"}, 16);
  disk.IndexDirectories();
  for (const auto& [path, seed] : {std::pair{odd, 9U}, {std::string("images/last"), 3U}}) {
    const absl::StatusOr<Image> image = FindOn(disk, Access::kRead, path);
    ASSERT_TRUE(image.ok()) << image.status();
    EXPECT_EQ(ContentOf(disk, *image), Noise(512, seed));
  }
}

TEST(ReadBeginning, ReadsAcrossExtentsAndHolesAndStopsAtTheEnd) {
  QuotaDisk disk;
  const std::string content = Striped(100, 2) + Noise(512, 7);
  disk.Put(kImagePath, content);
  disk.Make({"-b", "1024"});
  const absl::StatusOr<Image> image = FindOn(disk);
  ASSERT_TRUE(image.ok()) << image.status();
  const base::UniqueFd fd = disk.Open(O_RDONLY);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{4}, size_t{1500}, size_t{65536},
                             size_t{102912}, size_t{1} << 20U}) {
    EXPECT_EQ(*ReadBeginning(fd.get(), *image, bytes), content.substr(0, bytes)) << bytes;
  }
  disk.Truncate(4096);
  EXPECT_EQ(ReadBeginning(fd.get(), *image, 1024).status().code(), absl::StatusCode::kInternal);
}

TEST(ParseImagePath, SplitsRelativePaths) {
  EXPECT_THAT(*ParseImagePath("web.raw"), ElementsAre("web.raw"));
  EXPECT_THAT(*ParseImagePath("images/web.raw"), ElementsAre("images", "web.raw"));
  EXPECT_THAT(*ParseImagePath("a/.../..b/c."), ElementsAre("a", "...", "..b", "c."));
  EXPECT_TRUE(ParseImagePath(std::string(255, 'n')).ok());
  std::string deep = "1";
  for (int i = 0; i < 31; ++i) deep += "/1";
  EXPECT_THAT(*ParseImagePath(deep), SizeIs(32));
}

TEST(ParseImagePath, RefusesAllElse) {
  std::string too_deep = "1";
  for (int i = 0; i < 32; ++i) too_deep += "/1";
  std::string too_long = std::string(200, 'n');
  for (int i = 0; i < 20; ++i) too_long += "/" + std::string(200, 'n');
  for (const std::string& path :
       {std::string(), std::string("/"), std::string("/web.raw"), std::string("images/"),
        std::string("images//web.raw"), std::string("."), std::string(".."),
        std::string("images/../web.raw"), std::string("./web.raw"), std::string("images/.."),
        std::string("web\0.raw", 8), std::string(256, 'n'), too_deep, too_long}) {
    const absl::Status status = ParseImagePath(path).status();
    ExpectError(status, absl::StatusCode::kInvalidArgument, base::Reason::kFieldMalformed, path);
    EXPECT_EQ(base::GetErrorInfo(status).field, "path");
  }
}

}  // namespace
}  // namespace flatvm::extfs
