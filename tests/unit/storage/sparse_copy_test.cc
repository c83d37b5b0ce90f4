#include "storage/sparse_copy.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "daemon/base/types.h"
#include "daemon/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::storage {
namespace {

constexpr off_t kMib = base::kMebibyte;
constexpr off_t kLength = 64 * kMib;
constexpr off_t kFarAt = 40 * kMib;

class SparseCopyTest : public ::testing::Test {
 protected:
  base::UniqueFd Open(const std::string& name, int flags) const {
    base::UniqueFd fd(::open((root_.path() + "/" + name).c_str(), flags | O_CLOEXEC, 0600));
    EXPECT_TRUE(fd.valid()) << name;
    return fd;
  }
  static void Put(const base::UniqueFd& file, off_t at, std::string_view bytes) {
    EXPECT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), at),
              static_cast<ssize_t>(bytes.size()));
  }
  static std::string Get(const base::UniqueFd& file, off_t at, size_t length) {
    std::string bytes(length, '?');
    const ssize_t n = ::pread(file.get(), bytes.data(), length, at);
    bytes.resize(n < 0 ? 0 : static_cast<size_t>(n));
    return bytes;
  }
  static struct stat StatOf(const base::UniqueFd& file) {
    struct stat info {};
    EXPECT_EQ(::fstat(file.get(), &info), 0);
    return info;
  }

  // 64 MiB of hole with 3 MiB of data at 0, more than one buffer of it, and some bytes at 40 MiB.
  void WriteSource() {
    const base::UniqueFd file = Open("source", O_RDWR | O_CREAT);
    ASSERT_EQ(::ftruncate(file.get(), kLength), 0);
    Put(file, 0, beginning_);
    Put(file, kFarAt, "far away");
    ASSERT_EQ(::fsync(file.get()), 0);  // block counts are settled
  }
  void ExpectSourcesContentIn(const base::UniqueFd& file) const {
    EXPECT_EQ(Get(file, 0, beginning_.size()), beginning_);
    EXPECT_EQ(Get(file, kFarAt, 8), "far away");
    const auto hole = static_cast<off_t>(beginning_.size());
    EXPECT_EQ(Get(file, hole, kMib), std::string(kMib, '\0'));
    ASSERT_EQ(::fsync(file.get()), 0);
    // Data is some 3 MiB; 64 MiB had holes been written. st_blocks is in units of 512 bytes.
    EXPECT_LT(StatOf(file).st_blocks * 512, 8 * kMib);
    // From well behind the beginning: XFS allocates some more there than is written.
    EXPECT_EQ(::lseek(file.get(), 16 * kMib, SEEK_DATA) / kMib, kFarAt / kMib);
  }

  fakes::TempDir root_;
  const std::string beginning_ = std::string(2 * kMib, 'a') + std::string(kMib, 'b');
};

TEST_F(SparseCopyTest, CopiesDataAndNotHolesByEitherMeans) {
  WriteSource();
  const base::UniqueFd source = Open("source", O_RDONLY);
  for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
    const base::UniqueFd target =
        Open(means == CopyMeans::kKernel ? "kernel" : "buffer", O_RDWR | O_CREAT | O_EXCL);
    const absl::Status copied = CopyData(source.get(), target.get(), means);
    ASSERT_TRUE(copied.ok()) << copied;
    EXPECT_LT(StatOf(target).st_size, kLength);  // the hole at the end is the caller's to make
    ExpectSourcesContentIn(target);
  }
}

TEST_F(SparseCopyTest, CopiesNothingOfAHoleOrAnEmptyFile) {
  for (const off_t length : {off_t{0}, kLength}) {
    const base::UniqueFd source = Open("source", O_RDWR | O_CREAT);
    ASSERT_EQ(::ftruncate(source.get(), length), 0);
    const base::UniqueFd target = Open("target", O_RDWR | O_CREAT);
    for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
      const absl::Status copied = CopyData(source.get(), target.get(), means);
      ASSERT_TRUE(copied.ok()) << copied;
      EXPECT_EQ(StatOf(target).st_size, 0);
    }
  }
}

TEST_F(SparseCopyTest, TakesTheBufferWhereTheKernelCannotCopy) {
  WriteSource();
  const base::UniqueFd source = Open("source", O_RDONLY);
  // copy_file_range(2) refuses a file that is not regular (EINVAL), pwrite(2) does not.
  const base::UniqueFd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const absl::Status copied = CopyData(source.get(), null.get(), CopyMeans::kKernel);
  EXPECT_TRUE(copied.ok()) << copied;
}

TEST_F(SparseCopyTest, ReportsWhatItCannotReadOrWrite) {
  WriteSource();
  const base::UniqueFd source = Open("source", O_RDONLY);
  for (const CopyMeans means : {CopyMeans::kKernel, CopyMeans::kBuffer}) {
    EXPECT_EQ(CopyData(source.get(), source.get(), means).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(CopyData(-1, source.get(), means).code(), absl::StatusCode::kInternal);
  }
  EXPECT_EQ(ShareBlocks(-1, source.get()).status().code(), absl::StatusCode::kInternal);
}

// Both answers are right; which one is the filesystem's choice.
TEST_F(SparseCopyTest, SharesBlocksOrLeavesTheTargetAlone) {
  WriteSource();
  const base::UniqueFd source = Open("source", O_RDONLY);
  const base::UniqueFd target = Open("target", O_RDWR | O_CREAT);
  const absl::StatusOr<Sharing> sharing = ShareBlocks(source.get(), target.get());
  ASSERT_TRUE(sharing.ok()) << sharing.status();
  if (*sharing == Sharing::kUnsupported) {
    EXPECT_EQ(StatOf(target).st_size, 0);
    return;
  }
  EXPECT_EQ(StatOf(target).st_size, kLength);
  ExpectSourcesContentIn(target);
  Put(target, 0, "other");
  EXPECT_EQ(Get(source, 0, 5), "aaaaa");
}

TEST_F(SparseCopyTest, SharesNothingAcrossFilesystems) {
  WriteSource();
  const base::UniqueFd source = Open("source", O_RDONLY);
  const base::UniqueFd target(::memfd_create("target", MFD_CLOEXEC));
  ASSERT_TRUE(target.valid());
  const absl::StatusOr<Sharing> sharing = ShareBlocks(source.get(), target.get());
  ASSERT_TRUE(sharing.ok()) << sharing.status();
  EXPECT_EQ(*sharing, Sharing::kUnsupported);
  const absl::Status copied = CopyData(source.get(), target.get(), CopyMeans::kKernel);
  ASSERT_TRUE(copied.ok()) << copied;
  ExpectSourcesContentIn(target);
}

}  // namespace
}  // namespace flatvm::storage
