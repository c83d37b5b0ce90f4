#include "daemon/base/durable_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

class DurableFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "durable_file_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string In(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
};

TEST_F(DurableFile, WritesAndReplacesWhole) {
  ASSERT_TRUE(WriteFileDurably(In("a"), "a long first content").ok());
  ASSERT_TRUE(WriteFileDurably(In("a"), std::string("b\0c", 3)).ok());
  EXPECT_EQ(ReadFile(In("a"), 100).value(), std::string("b\0c", 3));
  EXPECT_THAT(ListDirectory(directory_).value(), testing::ElementsAre("a"));
}

TEST_F(DurableFile, IsReadableByItsOwnerOnly) {
  // What a crash left behind, world-readable, must not decide the new file's mode.
  ASSERT_TRUE(WriteFileDurably(In("a.new"), "x").ok());
  ASSERT_EQ(::chmod(In("a.new").c_str(), 0666), 0);
  ASSERT_TRUE(WriteFileDurably(In("a"), "secret").ok());
  struct stat info {};
  ASSERT_EQ(::stat(In("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(DurableFile, LeavesNothingBehindWhenItFails) {
  ASSERT_EQ(::mkdir(In("taken").c_str(), 0700), 0);
  ASSERT_TRUE(WriteFileDurably(In("taken/inside"), "x").ok());
  const absl::Status status = WriteFileDurably(In("taken"), "x");  // a directory is in the way
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(ListDirectory(directory_).value(), testing::ElementsAre("taken"));
  EXPECT_FALSE(WriteFileDurably(In("nowhere/a"), "x").ok());
}

TEST_F(DurableFile, FollowsNoLinkInItsNewName) {
  ASSERT_TRUE(WriteFileDurably(In("victim"), "precious").ok());
  ASSERT_EQ(::symlink(In("victim").c_str(), In("a.new").c_str()), 0);
  EXPECT_FALSE(WriteFileDurably(In("a"), "x").ok());
  EXPECT_EQ(ReadFile(In("victim"), 100).value(), "precious");
}

TEST_F(DurableFile, ReadsUpToItsLimit) {
  ASSERT_TRUE(WriteFileDurably(In("a"), "12345").ok());
  EXPECT_EQ(ReadFile(In("a"), 5).value(), "12345");
  EXPECT_EQ(ReadFile(In("a"), 4).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ReadFile(In("b"), 4).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(directory_, 4).status().code(), absl::StatusCode::kInternal);
}

TEST_F(DurableFile, RemovesAFileOrItsAbsence) {
  ASSERT_TRUE(WriteFileDurably(In("a"), "x").ok());
  EXPECT_TRUE(RemoveFileDurably(In("a")).ok());
  EXPECT_TRUE(RemoveFileDurably(In("a")).ok());
  EXPECT_FALSE(std::filesystem::exists(In("a")));
  EXPECT_EQ(RemoveFileDurably(directory_).code(), absl::StatusCode::kInternal);
}

TEST_F(DurableFile, MakesADirectoryOnce) {
  EXPECT_TRUE(MakeDirectoryDurably(In("d"), 0700).ok());
  EXPECT_TRUE(MakeDirectoryDurably(In("d"), 0700).ok());
  EXPECT_TRUE(std::filesystem::is_directory(In("d")));
  ASSERT_TRUE(WriteFileDurably(In("file"), "x").ok());
  EXPECT_EQ(MakeDirectoryDurably(In("file"), 0700).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(MakeDirectoryDurably(In("no/parent"), 0700).code(), absl::StatusCode::kInternal);
}

TEST_F(DurableFile, RemovesATreeButNotWhatItsLinksPointTo) {
  ASSERT_TRUE(MakeDirectoryDurably(In("tree"), 0700).ok());
  ASSERT_TRUE(MakeDirectoryDurably(In("outside"), 0700).ok());
  ASSERT_TRUE(WriteFileDurably(In("outside/kept"), "x").ok());
  ASSERT_EQ(::symlink(In("outside").c_str(), In("tree/link").c_str()), 0);
  EXPECT_TRUE(RemoveTree(In("tree")).ok());
  EXPECT_TRUE(RemoveTree(In("tree")).ok());
  EXPECT_FALSE(std::filesystem::exists(In("tree")));
  EXPECT_TRUE(std::filesystem::exists(In("outside/kept")));
}

TEST_F(DurableFile, ListsSortedNamesAndNothingOfAMissingDirectory) {
  for (const char* name : {"b", "a", ".hidden"}) {
    ASSERT_TRUE(WriteFileDurably(In(name), "").ok());
  }
  EXPECT_THAT(ListDirectory(directory_).value(), testing::ElementsAre(".hidden", "a", "b"));
  EXPECT_THAT(ListDirectory(In("none")).value(), testing::IsEmpty());
  EXPECT_EQ(ListDirectory(In("a")).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace flatvm::base
