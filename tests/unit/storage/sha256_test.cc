#include "storage/sha256.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "daemon/base/unique_fd.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

std::string DigestOf(const std::string& path) {
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return Sha256Of(file.get()).value_or("none");
}

// Source: FIPS 180-4's examples, and sha256sum(1).
TEST(Sha256, IsWhatOthersCompute) {
  const fakes::TempDir root;
  const std::string path = root.path() + "/file";
  WriteTestFile(path, "");
  EXPECT_EQ(DigestOf(path), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  WriteTestFile(path, "abc");
  EXPECT_EQ(DigestOf(path), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  WriteTestFile(path, std::string(1'000'000, 'a'));
  EXPECT_EQ(DigestOf(path), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, CountsHolesAsZerosAndReadsBeyondOneBuffer) {
  const fakes::TempDir root;
  const std::string path = root.path() + "/file";
  constexpr size_t kBytes = (size_t{3} << 20U) + 1;
  WriteTestFile(path, std::string(kBytes, '\0'));
  const std::string written = DigestOf(path);
  WriteTestFile(path, "");
  std::filesystem::resize_file(path, kBytes);
  EXPECT_EQ(DigestOf(path), written);
}

TEST(Sha256, ReportsWhatItCannotRead) {
  EXPECT_EQ(Sha256Of(-1).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::storage
