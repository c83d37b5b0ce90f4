#include "storage/catalog_editor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "daemon/base/durable_file.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/catalog.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

using base::DiskFormat;
using base::Reason;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CatalogEditorTest : public ::testing::Test {
 protected:
  CatalogEditorTest() {
    std::filesystem::create_directory(catalog_dir_);
    WriteTestFile(Source("vmlinuz-6.1"), "kernel");
    WriteTestFile(Source("initrd"), "initrd");
    WriteTestFile(Source("disk"), "raw bytes");
    WriteTestFile(Source("disk.q"), SmallQcow2());
  }

  std::string Source(const std::string& name) const { return root_.path() + "/" + name; }
  std::string Path(const std::string& name) const { return catalog_dir_ + "/" + name; }
  static std::string Content(const std::string& path) {
    return base::ReadFile(path, size_t{1} << 20U).value_or("(none)");
  }
  std::vector<std::string> Entries() const { return *base::ListDirectory(catalog_dir_); }
  static mode_t ModeOf(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  NewImage WithDisk(const std::string& file, DiskFormat format) const {
    return {.disk = NewImageDisk{.path = Source(file), .format = format}};
  }
  NewImage WithEverything() const {
    return {.description = "für alle",
            .min_memory_mib = 96,
            .disk = NewImageDisk{.path = Source("disk.q"), .format = DiskFormat::kQcow2},
            .kernel_path = Source("vmlinuz-6.1"),
            .initrd_path = Source("initrd"),
            .cmdline = "quiet \"x\""};
  }

  // Refused by both Add and CheckAdd, the same way, and nothing left.
  void ExpectRefused(const NewImage& image, absl::StatusCode code, Reason reason,
                     const std::string& field, const std::string& text) {
    const absl::Status status = editor_.Add("tiny", image).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, reason) << status;
    EXPECT_EQ(base::GetErrorInfo(status).field, field) << status;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(field + ": " + text));
    EXPECT_EQ(editor_.CheckAdd("tiny", image).status(), status);
    EXPECT_THAT(Entries(), IsEmpty());
  }

  fakes::TempDir root_;
  const std::string catalog_dir_ = root_.path() + "/catalog";
  const CatalogEditor editor_{catalog_dir_};
};

TEST_F(CatalogEditorTest, AddsWhatTheCatalogThenHas) {
  const auto old_umask = ::umask(077);
  const absl::StatusOr<ListedImage> added = editor_.Add("tiny", WithEverything());
  ::umask(old_umask);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->name, "tiny");
  EXPECT_EQ(added->kind, ImageKind::kKernel);
  EXPECT_EQ(added->disk_mib, 64U);
  EXPECT_EQ(added->digests, Digests::kAll);

  const absl::StatusOr<CatalogImage> image = Catalog(catalog_dir_).GetImage("tiny");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->description, "für alle");
  EXPECT_EQ(image->min_memory_mib, 96U);
  EXPECT_EQ(image->kernel->kernel_path, Path("tiny/vmlinuz"));
  EXPECT_EQ(image->kernel->initrd_path, Path("tiny/initrd.img"));
  EXPECT_EQ(image->kernel->cmdline, "quiet \"x\"");
  EXPECT_EQ(image->disk->path, Path("tiny/disk.qcow2"));
  EXPECT_EQ(image->disk->format, DiskFormat::kQcow2);
  EXPECT_EQ(Content(Path("tiny/vmlinuz")), "kernel");
  EXPECT_EQ(Content(Path("tiny/disk.qcow2")), SmallQcow2());

  EXPECT_EQ(ModeOf(Path("tiny")), 0755U);
  EXPECT_THAT(*base::ListDirectory(Path("tiny")),
              ElementsAre("disk.qcow2", "image.json", "initrd.img", "vmlinuz"));
  for (const char* file : {"disk.qcow2", "image.json", "initrd.img", "vmlinuz"}) {
    EXPECT_EQ(ModeOf(Path(base::StrCat("tiny/", file))), 0644U) << file;
  }
  EXPECT_THAT(Entries(), ElementsAre("tiny"));
}

TEST_F(CatalogEditorTest, KeepsTheDigestsOfTheCopies) {
  ASSERT_TRUE(editor_.Add("tiny", {.kernel_path = Source("vmlinuz-6.1")}).ok());
  // sha256sum of "kernel".
  EXPECT_THAT(Content(Path("tiny/image.json")),
              HasSubstr("\"vmlinuz\": "
                        "\"6923dd1bc0460082c5d55a831908c24a282860b7f1cd6c2b79cf1bc8857c639c\""));
}

TEST_F(CatalogEditorTest, FollowsTheOperatorsSymlinks) {
  std::filesystem::create_symlink(Source("vmlinuz-6.1"), Source("vmlinuz"));
  ASSERT_TRUE(editor_.Add("tiny", {.kernel_path = Source("vmlinuz")}).ok());
  EXPECT_TRUE(
      std::filesystem::is_regular_file(std::filesystem::symlink_status(Path("tiny/vmlinuz"))));
}

TEST_F(CatalogEditorTest, KeepsHolesAndTheLengthOfASparseDisk) {
  constexpr uint64_t kLength = 64 * base::kMebibyte;
  std::filesystem::resize_file(Source("disk"), kLength);
  const absl::StatusOr<ListedImage> added = editor_.Add("tiny", WithDisk("disk", DiskFormat::kRaw));
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->disk_mib, 64U);
  struct stat info {};
  ASSERT_EQ(::stat(Path("tiny/disk.raw").c_str(), &info), 0);
  EXPECT_EQ(static_cast<uint64_t>(info.st_size), kLength);
  EXPECT_LT(info.st_blocks * 512, static_cast<blkcnt_t>(base::kMebibyte));
}

TEST_F(CatalogEditorTest, RefusesWhatMakesNoImage) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  const std::string kernel = Source("vmlinuz-6.1");
  ExpectRefused({}, kInvalid, Reason::kFieldMissing, "disk", "an image has a disk");
  ExpectRefused({.initrd_path = kernel}, kInvalid, Reason::kFieldMalformed, "initrd", "makes no");
  ExpectRefused({.cmdline = "quiet"}, kInvalid, Reason::kFieldMalformed, "cmdline", "makes no");
  ExpectRefused({.kernel_path = kernel, .cmdline = "a\tb"}, kInvalid, Reason::kFieldMalformed,
                "cmdline", "must be at most 1024");
  ExpectRefused({.description = "a\nb", .kernel_path = kernel}, kInvalid, Reason::kFieldMalformed,
                "description", "must be one line");
  ExpectRefused({.description = "\xff", .kernel_path = kernel}, kInvalid, Reason::kFieldMalformed,
                "description", "must be UTF-8");
  ExpectRefused({.kernel_path = Source("none")}, kInvalid, Reason::kFieldMalformed, "kernel",
                "cannot open " + Source("none") + ": No such file");
  ExpectRefused({.kernel_path = root_.path()}, kPrecondition, Reason::kImageUnusable, "kernel",
                "must be a regular file");
  ASSERT_EQ(::mkfifo(Source("fifo").c_str(), 0600), 0);
  ExpectRefused({.kernel_path = kernel, .initrd_path = Source("fifo")}, kPrecondition,
                Reason::kImageUnusable, "initrd", "must be a regular file");
  WriteTestFile(Source("empty"), "");
  ExpectRefused(WithDisk("empty", DiskFormat::kRaw), kPrecondition, Reason::kImageUnusable, "disk",
                "is empty");
}

TEST_F(CatalogEditorTest, RefusesADiskForWhatItsHeaderSays) {
  constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
  ExpectRefused(WithDisk("disk", DiskFormat::kQcow2), kPrecondition, Reason::kImageUnusable, "disk",
                "is not a qcow2 image");
  ExpectRefused(WithDisk("disk.q", DiskFormat::kRaw), kPrecondition, Reason::kImageUnusable, "disk",
                "is a qcow2 image, not a raw one; say that its format is qcow2");
  std::string bytes = SmallQcow2();
  PutBigEndian(&bytes, 8, 8, 1024);
  PutBigEndian(&bytes, 16, 4, 11);
  bytes.replace(1024, 11, "/etc/shadow");
  WriteTestFile(Source("disk.q"), bytes);
  ExpectRefused(WithDisk("disk.q", DiskFormat::kQcow2), kPrecondition, Reason::kImageUnusable,
                "disk", "must not have a backing file");
}

TEST_F(CatalogEditorTest, RefusesANameThatIsNoneOrTaken) {
  const NewImage image = WithDisk("disk", DiskFormat::kRaw);
  for (const char* name : {"", "..", "a/b", "Tiny", "tiny.new"}) {
    for (const absl::Status& status :
         {editor_.Add(name, image).status(), editor_.CheckAdd(name, image).status(),
          editor_.Remove(name), editor_.Verify(name).status(), editor_.CheckExists(name)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
      EXPECT_EQ(base::GetErrorInfo(status).field, "name") << name;
    }
  }
  ASSERT_TRUE(editor_.Add("tiny", image).ok());
  for (const absl::Status& status :
       {editor_.Add("tiny", WithEverything()).status(), editor_.CheckAdd("tiny", image).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(base::GetErrorInfo(status).reason, Reason::kImageExists);
  }
  EXPECT_EQ(Content(Path("tiny/disk.raw")), "raw bytes");
  EXPECT_THAT(Entries(), ElementsAre("tiny"));
}

TEST_F(CatalogEditorTest, CheckAddCopiesNothing) {
  const absl::StatusOr<ListedImage> checked = editor_.CheckAdd("tiny", WithEverything());
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(checked->disk_mib, 64U);
  EXPECT_THAT(Entries(), IsEmpty());
}

TEST_F(CatalogEditorTest, WhatACrashLeftHindersNobody) {
  for (const char* left : {"tiny.new", "tiny.removed"}) {
    std::filesystem::create_directory(Path(left));
    WriteTestFile(Path(base::StrCat(left, "/vmlinuz")), "half");
  }
  EXPECT_THAT(*editor_.List(), IsEmpty());
  ASSERT_TRUE(editor_.Add("tiny", WithEverything()).ok());
  EXPECT_THAT(Entries(), ElementsAre("tiny"));
  std::filesystem::create_directory(Path("tiny.removed"));
  WriteTestFile(Path("tiny.removed/vmlinuz"), "half");
  const absl::Status removed = editor_.Remove("tiny");
  EXPECT_TRUE(removed.ok()) << removed;
  EXPECT_THAT(Entries(), IsEmpty());
}

TEST_F(CatalogEditorTest, AFailedCopyLeavesNothing) {
  // The directory goes from under it as the second file begins.
  int steps = 0;
  const CatalogEditor editor(catalog_dir_, [&](const std::string& what) {
    if (what.starts_with("copying") && ++steps == 2) std::filesystem::remove_all(Path("tiny.new"));
  });
  EXPECT_EQ(editor.Add("tiny", WithEverything()).status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(Entries(), IsEmpty());
}

TEST_F(CatalogEditorTest, ADiskThatChangesDuringTheCopyIsRefused) {
  const CatalogEditor editor(catalog_dir_, [&](const std::string& what) {
    if (what == "copying disk.raw") WriteTestFile(Source("disk"), "QFI\xfb....");
  });
  const absl::Status status = editor.Add("tiny", WithDisk("disk", DiskFormat::kRaw)).status();
  EXPECT_EQ(base::GetErrorInfo(status).reason, Reason::kImageUnusable) << status;
  EXPECT_THAT(Entries(), IsEmpty());
}

TEST_F(CatalogEditorTest, OneChangeAtATime) {
  ASSERT_TRUE(editor_.Add("tiny", WithEverything()).ok());
  const base::UniqueFd other(::open(catalog_dir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(other.get(), LOCK_EX), 0);
  for (const absl::Status& status :
       {editor_.Add("other", WithEverything()).status(), editor_.Remove("tiny")}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
    EXPECT_EQ(base::GetErrorInfo(status).reason, Reason::kChangeInFlight);
  }
  EXPECT_TRUE(editor_.Verify("tiny").ok());
  EXPECT_EQ(editor_.List()->size(), 1U);
}

TEST_F(CatalogEditorTest, RemovesABrokenImageToo) {
  std::filesystem::create_directory(Path("tiny"));
  EXPECT_TRUE(editor_.CheckExists("tiny").ok());
  EXPECT_TRUE(editor_.Remove("tiny").ok());
  EXPECT_THAT(Entries(), IsEmpty());
  for (const absl::Status& status :
       {editor_.Remove("tiny"), editor_.CheckExists("tiny"), editor_.Verify("tiny").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(base::GetErrorInfo(status).reason, Reason::kImageNotFound);
  }
}

TEST_F(CatalogEditorTest, SaysWhenThereIsNoCatalog) {
  std::filesystem::remove(catalog_dir_);
  for (const absl::Status& status :
       {editor_.Add("tiny", WithEverything()).status(), editor_.Remove("tiny"),
        editor_.List().status(), editor_.Verify("tiny").status()}) {
    EXPECT_EQ(base::GetErrorInfo(status).field, "catalog") << status;
  }
}

}  // namespace
}  // namespace flatvm::storage
