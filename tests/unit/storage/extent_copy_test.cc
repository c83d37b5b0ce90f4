#include "storage/extent_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/disk_with_image.h"

namespace flatvm::storage {
namespace {

constexpr uint64_t kSeeds = 12;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kInternal = absl::StatusCode::kInternal;

class ExtentCopyTest : public ::testing::Test {
 protected:
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

  fakes::TempDir root_;
};

TEST_F(ExtentCopyTest, CopiesAnImageWithItsHolesByEitherMeans) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const DiskWithImage disk(seed);
    const base::UniqueFd file = Write(disk);
    for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
      const base::UniqueFd image = Fresh();
      const absl::Status copied =
          CopyExtents(file.get(), disk.extents, image.get(), disk.image_bytes, means);
      ASSERT_TRUE(copied.ok()) << copied;
      ExpectImage(image.get(), disk);
    }
  }
}

TEST_F(ExtentCopyTest, CopiesExtentsThatLieInAnyOrder) {
  const DiskWithImage disk(1);
  const base::UniqueFd file = Write(disk);
  const base::UniqueFd image = Fresh();
  const std::vector<Extent> extents = {{0, 8 * kTestBlock, kTestBlock},
                                       {2 * kTestBlock, 1024, 2048},
                                       {3 * kTestBlock + 1024, 4 * kTestBlock + 2048, 1024}};
  ASSERT_TRUE(
      CopyExtents(file.get(), extents, image.get(), 16 * kTestBlock, CopyMeans::kKernel).ok());
  std::string expected(16 * kTestBlock, '\0');
  for (const Extent& extent : extents) {
    expected.replace(extent.file_offset, extent.length, disk.content, extent.disk_offset,
                     extent.length);
  }
  EXPECT_TRUE(ReadWhole(image.get()) == expected);
}

// Both answers are right; which one is the filesystem's choice.
TEST_F(ExtentCopyTest, SharesAnImageOrLeavesTheFileEmpty) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const DiskWithImage disk(seed);
    const base::UniqueFd file = Write(disk);
    const base::UniqueFd image = Fresh();
    const absl::StatusOr<Sharing> sharing =
        ShareExtents(file.get(), disk.extents, image.get(), disk.image_bytes);
    ASSERT_TRUE(sharing.ok()) << sharing.status();
    if (*sharing == Sharing::kUnsupported) {
      EXPECT_EQ(ReadWhole(image.get()), "");
      continue;
    }
    EXPECT_TRUE(ReadWhole(image.get()) == disk.Image());
    ASSERT_EQ(::pwrite(image.get(), "other", 5, 0), 5);
    EXPECT_TRUE(ReadWhole(file.get()) == disk.content);
  }
}

TEST_F(ExtentCopyTest, SharesNothingAcrossFilesystemsButCopies) {
  const DiskWithImage disk(3);
  const base::UniqueFd file = Write(disk);
  const base::UniqueFd image(::memfd_create("image", MFD_CLOEXEC));
  ASSERT_TRUE(image.valid());
  const absl::StatusOr<Sharing> sharing =
      ShareExtents(file.get(), disk.extents, image.get(), disk.image_bytes);
  ASSERT_TRUE(sharing.ok()) << sharing.status();
  EXPECT_EQ(*sharing, Sharing::kUnsupported);
  EXPECT_EQ(ReadWhole(image.get()), "");
  const absl::Status copied =
      CopyExtents(file.get(), disk.extents, image.get(), disk.image_bytes, CopyMeans::kKernel);
  ASSERT_TRUE(copied.ok()) << copied;
  EXPECT_TRUE(ReadWhole(image.get()) == disk.Image());
}

TEST_F(ExtentCopyTest, CopiesTheRestOfADiskAndNothingOfTheImage) {
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(seed);
    const DiskWithImage disk(seed);
    const base::UniqueFd file = Write(disk);
    std::string expected(disk.disk_bytes, '\0');
    uint64_t allocated = 0;
    for (const DiskRun& run : disk.others) {
      allocated += disk.AllocatedIn(run);
      expected.replace(run.offset, run.length, disk.content, run.offset, run.length);
    }
    for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
      const base::UniqueFd rest = Fresh();
      const absl::Status copied = CopyRuns(file.get(), disk.others, rest.get(), means);
      ASSERT_TRUE(copied.ok()) << copied;
      ASSERT_EQ(::ftruncate(rest.get(), static_cast<off_t>(disk.disk_bytes)), 0);
      ExpectContent(rest.get(), expected, allocated);
    }
  }
}

TEST_F(ExtentCopyTest, RefusesHostileListsBeforeAnythingIsTouched) {
  const DiskWithImage disk(5);
  const base::UniqueFd file = Write(disk);
  const std::vector<Extent> good = {{0, 0, kTestBlock}};
  for (const Extent& bad :
       {Extent{kTestBlock, disk.disk_bytes, kTestBlock}, Extent{kTestBlock, 0, kTestBlock},
        Extent{0, kTestBlock, kTestBlock}, Extent{kTestBlock, kTestBlock + 1, kTestBlock}}) {
    const std::vector<Extent> extents = {good[0], bad};
    const base::UniqueFd image = Fresh();
    EXPECT_EQ(ShareExtents(file.get(), extents, image.get(), disk.image_bytes).status().code(),
              kInvalid);
    EXPECT_EQ(
        CopyExtents(file.get(), extents, image.get(), disk.image_bytes, CopyMeans::kBuffer).code(),
        kInvalid);
    EXPECT_EQ(ReadWhole(image.get()), "");
  }
  const base::UniqueFd rest = Fresh();
  EXPECT_EQ(
      CopyRuns(file.get(), {{0, kTestBlock}, {kTestBlock - 1, 1}}, rest.get(), CopyMeans::kBuffer)
          .code(),
      kInvalid);
  EXPECT_EQ(ReadWhole(rest.get()), "");
}

TEST_F(ExtentCopyTest, ReportsWhatItCannotReadOrWrite) {
  const DiskWithImage disk(1);
  const base::UniqueFd file = Write(disk);
  for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
    EXPECT_EQ(CopyExtents(file.get(), disk.extents, -1, disk.image_bytes, means).code(), kInternal);
    EXPECT_EQ(CopyExtents(-1, disk.extents, file.get(), disk.image_bytes, means).code(), kInternal);
    EXPECT_EQ(CopyRuns(-1, disk.others, file.get(), means).code(), kInternal);
  }
  EXPECT_EQ(ShareExtents(file.get(), disk.extents, -1, disk.image_bytes).status().code(),
            kInternal);
}

}  // namespace
}  // namespace flatvm::storage
