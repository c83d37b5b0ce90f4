#include "guestlib/src/local_image.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace flatvm::guestlib {
namespace {

class LocalImageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "/flatvm-image-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Path() const { return directory_ / "disk.raw"; }
  void Write(const std::string& content) { std::ofstream(Path(), std::ios::binary) << content; }
  // All of it, put together from its parts.
  static std::string Joined(const LocalImage& image, size_t* parts = nullptr) {
    std::string all;
    while (all.size() < image.size_bytes()) {
      const Result<ImagePart> part = image.Next(all.size());
      if (!part.ok() || part->length() == 0) return "failed";
      EXPECT_TRUE(part->data.empty() || part->zeros == 0);
      EXPECT_LE(part->data.size(), LocalImage::kMaxDataBytes);
      all += part->data;
      all.append(part->zeros, '\0');
      if (parts != nullptr) ++*parts;
    }
    return all;
  }

  std::filesystem::path directory_;
};

TEST_F(LocalImageTest, ComesInPartsThatMakeTheWhole) {
  std::string content(200'000, 'x');
  content.append(300'000, '\0');
  content.append(100, 'y');
  Write(content);
  const Result<LocalImage> image = LocalImage::Open(Path());
  ASSERT_TRUE(image.ok()) << image.error().message;
  EXPECT_EQ(image->size_bytes(), content.size());
  EXPECT_TRUE(Joined(*image) == content);
}

TEST_F(LocalImageTest, AHoleIsOnePart) {
  Write("begin");
  std::filesystem::resize_file(Path(), uint64_t{3} << 30U);
  const Result<LocalImage> image = LocalImage::Open(Path());
  ASSERT_TRUE(image.ok());
  const Result<ImagePart> first = image->Next(0);
  ASSERT_TRUE(first.ok());
  const Result<ImagePart> rest = image->Next(first->length());
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(rest->zeros, image->size_bytes() - first->length());
}

// Known answers: NIST's, for "abc" and for a million of "a".
TEST_F(LocalImageTest, HasTheDigestThatEverybodyComputes) {
  Write("abc");
  std::vector<uint64_t> told;
  const auto tell = [&](uint64_t done) { told.push_back(done); };
  EXPECT_EQ(*LocalImage::Open(Path())->Digest(tell),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(told, std::vector<uint64_t>{3});
  Write(std::string(1'000'000, 'a'));
  EXPECT_EQ(*LocalImage::Open(Path())->Digest(tell),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(told.back(), 1'000'000U);
}

TEST_F(LocalImageTest, SaysWhatCanBeNoImage) {
  EXPECT_EQ(LocalImage::Open(Path()).error().code, Code::kNotFound);
  EXPECT_EQ(LocalImage::Open(directory_).error().code, Code::kInvalidArgument);
  ASSERT_EQ(::mkfifo((directory_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(LocalImage::Open(directory_ / "fifo").error().code, Code::kInvalidArgument);
  Write("");
  const Error empty = LocalImage::Open(Path()).error();
  EXPECT_EQ(empty.reason, Reason::kImageUnusable);
  EXPECT_EQ(empty.field, "path");
}

TEST_F(LocalImageTest, NoticesThatItBecameShorter) {
  Write(std::string(100'000, 'x'));
  const Result<LocalImage> image = LocalImage::Open(Path());
  std::filesystem::resize_file(Path(), 10);
  EXPECT_EQ(image->Digest([](uint64_t) {}).error().reason, Reason::kImageUnusable);
}

}  // namespace
}  // namespace flatvm::guestlib
