#include "storage/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/image_manifest.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kRawDisk = R"({"disk": {"file": "d.img", "format": "raw"}})";
constexpr const char* kQcow2Disk = R"({"disk": {"file": "d.img", "format": "qcow2"}})";

class CatalogTest : public ::testing::Test {
 protected:
  CatalogTest() { std::filesystem::create_directory(Path("tiny")); }

  std::string Path(const std::string& name) const { return root_.path() + "/" + name; }
  void Write(const std::string& name, std::string_view content) {
    WriteTestFile(Path("tiny/" + name), content);
  }

  // The text of a FAILED_PRECONDITION / kImageUnusable that names no host path.
  std::string Fault() {
    const absl::Status status = catalog_.GetImage("tiny").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kImageUnusable);
    EXPECT_THAT(std::string(base::Message(status)), Not(HasSubstr(root_.path())));
    return std::string(base::Message(status));
  }

  fakes::TempDir root_;
  Catalog catalog_{root_.path()};
};

TEST_F(CatalogTest, DescribesAKernelImageWithARawDisk) {
  Write("image.json", R"({"description": "t", "kernel": "k", "initrd": "i", "cmdline": "quiet",
                          "disk": {"file": "d.img", "format": "raw"}, "min_memory": "96MiB"})");
  Write("k", "kernel");
  Write("i", "initrd");
  Write("d.img", std::string(base::kMebibyte + 1, 'x'));
  const absl::StatusOr<CatalogImage> image = catalog_.GetImage("tiny");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->name, "tiny");
  EXPECT_EQ(image->description, "t");
  EXPECT_EQ(image->min_memory_mib, 96U);
  EXPECT_EQ(image->kernel->kernel_path, Path("tiny/k"));
  EXPECT_EQ(image->kernel->initrd_path, Path("tiny/i"));
  EXPECT_EQ(image->kernel->cmdline, "quiet");
  EXPECT_EQ(image->disk->path, Path("tiny/d.img"));
  EXPECT_EQ(image->disk->format, base::DiskFormat::kRaw);
  EXPECT_EQ(image->disk->size_mib, 2U);
}

TEST_F(CatalogTest, TakesAQcow2DisksSizeFromItsHeader) {
  Write("image.json", kQcow2Disk);
  Write("d.img", SmallQcow2((uint64_t{64} << 20U) + 512));
  const absl::StatusOr<CatalogImage> image = catalog_.GetImage("tiny");
  ASSERT_TRUE(image.ok()) << image.status();
  EXPECT_EQ(image->disk->size_mib, 65U);
  EXPECT_EQ(image->disk->format, base::DiskFormat::kQcow2);
  EXPECT_FALSE(image->kernel.has_value());
}

TEST_F(CatalogTest, UnknownImageIsNotFound) {
  WriteTestFile(Path("file"), "no directory");
  std::filesystem::create_directory_symlink(Path("tiny"), Path("link"));
  for (const char* name : {"nosuch", "file", "link"}) {
    const absl::Status status = catalog_.GetImage(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kImageNotFound);
    EXPECT_EQ(base::Message(status), base::StrCat("image \"", name, "\" is not in the catalog"));
  }
}

TEST_F(CatalogTest, ANameThatIsNoneNeverBecomesAPath) {
  for (const char* name : {"", "..", ".", "../tiny", "tiny/", "/etc", "TINY", "a\nb"}) {
    const absl::Status status = catalog_.GetImage(name).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(base::GetErrorInfo(status).field, "spec.image");
  }
}

TEST_F(CatalogTest, FaultsNameImageFileAndJsonPath) {
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: is not there");
  Write("image.json", "");
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: is empty");
  Write("image.json", R"({"disk": {"file": "d.img", "format": "vdi"}})");
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: disk.format: must be \"raw\" or \"qcow2\"");
  Write("image.json", kRawDisk);
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: disk.file: is not there");
  Write("d.img", "");
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: disk.file: is empty");
  Write("d.img", SmallQcow2());
  EXPECT_EQ(Fault(),
            "image \"tiny\": image.json: disk.file: is a qcow2 image, not a raw one; say that its "
            "format is qcow2");
  Write("image.json", kQcow2Disk);
  Write("d.img", "raw bytes");
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: disk.file: is not a qcow2 image");
  Write("image.json", R"({"kernel": "k"})");
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: kernel: is not there");
  Write("k", "kernel");
  Write("image.json", R"({"kernel": "k", "initrd": "i"})");
  EXPECT_EQ(Fault(), "image \"tiny\": image.json: initrd: is not there");
}

TEST_F(CatalogTest, RefusesAQcow2ThatNamesAnotherFile) {
  Write("image.json", kQcow2Disk);
  std::string bytes = SmallQcow2();
  PutBigEndian(&bytes, 8, 8, 1024);
  PutBigEndian(&bytes, 16, 4, 11);
  bytes.replace(1024, 11, "/etc/shadow");
  Write("d.img", bytes);
  EXPECT_THAT(Fault(), HasSubstr("disk.file: must not have a backing file"));
}

TEST_F(CatalogTest, FollowsNoSymlinkAndOpensRegularFilesOnly) {
  Write("image.json", kRawDisk);
  std::filesystem::create_symlink("/etc/passwd", Path("tiny/d.img"));
  EXPECT_THAT(Fault(), HasSubstr("disk.file: must be a regular file"));
  std::filesystem::remove(Path("tiny/d.img"));
  std::filesystem::create_directory(Path("tiny/d.img"));
  EXPECT_THAT(Fault(), HasSubstr("disk.file: must be a regular file"));
  std::filesystem::remove(Path("tiny/d.img"));
  ASSERT_EQ(::mkfifo(Path("tiny/d.img").c_str(), 0600), 0);
  EXPECT_THAT(Fault(), HasSubstr("disk.file: must be a regular file"));

  Write("inner.json", kRawDisk);
  std::filesystem::remove(Path("tiny/image.json"));
  std::filesystem::create_symlink("inner.json", Path("tiny/image.json"));
  EXPECT_THAT(Fault(), HasSubstr("image.json: must be a regular file"));
}

TEST_F(CatalogTest, RefusesAManifestOutOfProportion) {
  Write("image.json", std::string(kMaxManifestBytes, ' ') + kRawDisk);
  EXPECT_THAT(Fault(), HasSubstr("image.json: is larger than 64 KiB"));
}

TEST(Catalog, RefusesARawDiskOutOfProportion) {
  const fakes::TempDir root("/dev/shm");  // tmpfs takes a hole of any length
  const std::string tiny = root.path() + "/tiny";
  std::filesystem::create_directory(tiny);
  WriteTestFile(tiny + "/image.json", kRawDisk);
  WriteTestFile(tiny + "/d.img", "x");
  std::filesystem::resize_file(tiny + "/d.img", uint64_t{64} << 40U);
  const absl::StatusOr<CatalogImage> largest = Catalog(root.path()).GetImage("tiny");
  ASSERT_TRUE(largest.ok()) << largest.status();
  EXPECT_EQ(largest->disk->size_mib, 1U << 26U);
  std::filesystem::resize_file(tiny + "/d.img", (uint64_t{64} << 40U) + 1);
  EXPECT_THAT(std::string(base::Message(Catalog(root.path()).GetImage("tiny").status())),
              HasSubstr("disk.file: is larger than 64 TiB"));
}

TEST_F(CatalogTest, SeesTheOperatorsChangesAtOnce) {
  Write("image.json", kRawDisk);
  Write("d.img", "x");
  ASSERT_TRUE(catalog_.GetImage("tiny").ok());
  std::filesystem::remove_all(Path("tiny"));
  EXPECT_EQ(catalog_.GetImage("tiny").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace flatvm::storage
