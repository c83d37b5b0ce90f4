#include "storage/extent_fill.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "storage/extent_copy.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/disk_with_image.h"

namespace flatvm::storage {
namespace {

class ExtentFillTest : public ::testing::Test {
 protected:
  base::UniqueFd Fresh() const {
    base::UniqueFd fd(::open(root_.path().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    EXPECT_TRUE(fd.valid());
    return fd;
  }
  base::UniqueFd Of(const std::string& content) const {
    base::UniqueFd fd = Fresh();
    EXPECT_EQ(::pwrite(fd.get(), content.data(), content.size(), 0),
              static_cast<ssize_t>(content.size()));
    return fd;
  }

  fakes::TempDir root_;
};

// What was taken out is put back, onto a disk that had something else there.
TEST_F(ExtentFillTest, PutsBackWhatWasTakenOut) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    const DiskWithImage disk(seed);
    const base::UniqueFd file = Fresh();
    disk.WriteTo(file.get());
    const base::UniqueFd image = Fresh();
    ASSERT_TRUE(
        CopyExtents(file.get(), disk.extents, image.get(), disk.image_bytes, CopyMeans::kBuffer)
            .ok());
    std::string wanted(disk.disk_bytes, 'x');
    for (const Extent& extent : disk.extents) {
      std::string bytes = disk.Image().substr(extent.file_offset, extent.length);
      bytes.resize(extent.length, '\0');
      wanted.replace(extent.disk_offset, extent.length, bytes);
    }
    for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
      const base::UniqueFd target = Of(std::string(disk.disk_bytes, 'x'));
      const absl::Status filled =
          FillExtents(image.get(), disk.image_bytes, disk.extents, target.get(), means);
      ASSERT_TRUE(filled.ok()) << filled;
      EXPECT_TRUE(ReadWhole(target.get()) == wanted);
    }
  }
}

TEST_F(ExtentFillTest, TouchesNothingForExtentsThatCannotBe) {
  const base::UniqueFd image = Of(std::string(8 * kTestBlock, 'i'));
  const base::UniqueFd disk = Of(std::string(8 * kTestBlock, 'd'));
  for (const Extent& extent :
       {Extent{0, 8 * kTestBlock, kTestBlock}, Extent{0, 0, 0}, Extent{0, 0, ~uint64_t{0}},
        Extent{64 * kTestBlock, 0, kTestBlock}}) {
    EXPECT_FALSE(
        FillExtents(image.get(), 8 * kTestBlock, {extent}, disk.get(), CopyMeans::kKernel).ok());
  }
  EXPECT_TRUE(ReadWhole(disk.get()) == std::string(8 * kTestBlock, 'd'));
}

TEST_F(ExtentFillTest, FindsWhatIsNoHole) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    const DiskWithImage disk(seed);
    const base::UniqueFd file = Fresh();
    disk.WriteTo(file.get());
    const auto runs = FindData(file.get(), disk.disk_bytes);
    ASSERT_TRUE(runs.ok()) << runs.status();
    std::string seen(disk.disk_bytes, '\0');
    uint64_t end = 0;
    for (const DiskRun& run : *runs) {
      EXPECT_GE(run.offset, end);
      end = run.offset + run.length;
      ASSERT_LE(end, disk.disk_bytes);
      seen.replace(run.offset, run.length, disk.content, run.offset, run.length);
    }
    EXPECT_TRUE(seen == disk.content);
  }
  const base::UniqueFd hole = Fresh();
  ASSERT_EQ(::ftruncate(hole.get(), 1 << 20), 0);
  EXPECT_TRUE(FindData(hole.get(), 1 << 20)->empty());
  EXPECT_TRUE(FindData(hole.get(), 0)->empty());
  const base::UniqueFd longer = Of(std::string(8 * kTestBlock, 'd'));
  EXPECT_EQ(*FindData(longer.get(), kTestBlock + 512),
            (std::vector<DiskRun>{{.offset = 0, .length = kTestBlock + 512}}));
}

}  // namespace
}  // namespace flatvm::storage
