#include "daemon/import_worker/import_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>

#include "daemon/base/unique_fd.h"
#include "storage/sha256.h"
#include "tests/fakes/temp_dir.h"

namespace flatvm::import_worker {
namespace {

class ImportFileTest : public ::testing::Test {
 protected:
  ImportFile Open(uint64_t size_bytes) {
    return ImportFile(base::UniqueFd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)),
                      size_bytes);
  }
  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  fakes::TempDir root_;
  const std::string path_ = root_.path() + "/file";
};

TEST_F(ImportFileTest, WritesBytesAndZerosInOrder) {
  ImportFile file = Open(1 << 20U);
  ASSERT_TRUE(file.Write(0, "abc").ok());
  ASSERT_TRUE(file.WriteZeros(3, 100'000).ok());
  ASSERT_TRUE(file.Write(100'003, "def").ok());
  EXPECT_EQ(Read(), "abc" + std::string(100'000, '\0') + "def");
}

TEST_F(ImportFileTest, ZerosTakeNoPlaceAndCutNothing) {
  ImportFile file = Open(uint64_t{1} << 40U);
  ASSERT_TRUE(file.WriteZeros(0, uint64_t{1} << 40U).ok());
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(static_cast<uint64_t>(info.st_size), uint64_t{1} << 40U);
  EXPECT_EQ(info.st_blocks, 0);
}

// An earlier worker's last chunk came after all.
TEST_F(ImportFileTest, ZerosOverBytesAreZeros) {
  ImportFile file = Open(8192);
  ASSERT_TRUE(file.Write(0, std::string(8192, 'x')).ok());
  ASSERT_TRUE(file.WriteZeros(4096, 100).ok());
  EXPECT_EQ(Read(), std::string(4096, 'x') + std::string(100, '\0') + std::string(3996, 'x'));
}

TEST_F(ImportFileTest, WritesNothingBeyondTheImage) {
  ImportFile file = Open(10);
  EXPECT_FALSE(file.Write(8, "abc").ok());
  EXPECT_FALSE(file.WriteZeros(0, 11).ok());
  EXPECT_FALSE(file.WriteZeros(11, ~uint64_t{0}).ok());
  EXPECT_EQ(Read(), "");
}

TEST_F(ImportFileTest, DigestsWhatItDidNotWriteToo) {
  const std::string content = std::string(5000, 'a') + std::string(3000, '\0') + "end";
  {
    ImportFile earlier = Open(content.size());
    ASSERT_TRUE(earlier.Write(0, content.substr(0, 1000)).ok());
  }
  ImportFile file = Open(content.size());
  ASSERT_TRUE(file.Write(1000, content.substr(1000, 4000)).ok());
  ASSERT_TRUE(file.WriteZeros(5000, 3000).ok());
  ASSERT_TRUE(file.Write(8000, "end").ok());
  EXPECT_EQ(Read(), content);
  const auto digest = file.Digest();
  const base::UniqueFd reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*digest, *storage::Sha256Of(reader.get()));
}

// The same piece twice, as after a lost answer.
TEST_F(ImportFileTest, DigestsWhatIsThereAndNotWhatCame) {
  ImportFile file = Open(6);
  ASSERT_TRUE(file.Write(0, "abc").ok());
  ASSERT_TRUE(file.Write(0, "abc").ok());
  ASSERT_TRUE(file.Write(3, "def").ok());
  const auto digest = file.Digest();
  const base::UniqueFd reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*digest, *storage::Sha256Of(reader.get()));
}

TEST_F(ImportFileTest, DigestsMoreThanAWindowAndClosesTheFile) {
  const std::string part(size_t{3} << 20U, 'p');
  ImportFile file = Open(part.size() * 8);
  for (uint64_t i = 0; i < 8; ++i) ASSERT_TRUE(file.Write(i * part.size(), part).ok());
  const auto digest = file.Digest();
  ASSERT_TRUE(digest.ok()) << digest.status();
  const base::UniqueFd reader(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*digest, *storage::Sha256Of(reader.get()));
  EXPECT_EQ(::fcntl(reader.get(), F_SETLEASE, F_RDLCK), 0) << "somebody can still write";
  EXPECT_FALSE(file.Write(0, "x").ok());
}

}  // namespace
}  // namespace flatvm::import_worker
