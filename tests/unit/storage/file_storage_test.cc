#include "storage/file_storage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "daemon/base/error.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kId = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr const char* kOtherId = "1b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";

mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

class FileStorageTest : public ::testing::Test {
 protected:
  FileStorageTest() {
    WriteTestFile(program_, "#!/bin/sh\nexit 0\n");
    EXPECT_EQ(::chmod(program_.c_str(), 0700), 0);
  }

  std::string Vms() const { return root_.path() + "/tenants/acme/vms"; }

  fakes::TempDir root_;
  const std::string program_ = root_.path() + "/qemu-img";
  const CatalogImage with_disk_{.name = "tiny",
                                .disk = ImageDisk{.path = "/images/tiny/d.raw", .size_mib = 16}};
  const CatalogImage without_disk_{.name = "bare", .kernel = ImageKernel{.kernel_path = "/k"}};
  FileStorage storage_{{.state_dir = root_.path(),
                        .catalog_dir = root_.path() + "/catalog",
                        .qemu_img_program = program_}};
};

TEST_F(FileStorageTest, DirectoriesMayBeSearchedWhateverTheUmask) {
  const mode_t before = ::umask(0077);
  const absl::Status ensured = storage_.EnsureTenant("acme");
  const absl::Status created = storage_.CreateVmFiles("acme", kId, with_disk_, 16).status();
  ::umask(before);
  ASSERT_TRUE(ensured.ok()) << ensured;
  ASSERT_TRUE(created.ok()) << created;
  for (const char* directory : {"/tenants", "/tenants/acme", "/tenants/acme/vms"}) {
    EXPECT_EQ(ModeOf(root_.path() + directory), 0711U) << directory;
  }
  EXPECT_EQ(ModeOf(Vms() + "/" + kId), 0711U);
  EXPECT_EQ(ModeOf(Vms() + "/" + kId + "/disk.qcow2"), 0600U);
}

TEST_F(FileStorageTest, OpensUpADirectoryThatARecordWasWrittenToFirst) {
  std::filesystem::create_directories(Vms());
  ASSERT_EQ(::chmod(Vms().c_str(), 0700), 0);
  ASSERT_TRUE(storage_.EnsureTenant("acme").ok());
  EXPECT_EQ(ModeOf(Vms()), 0711U);
}

TEST_F(FileStorageTest, RefusesASymlinkInPlaceOfATenantsDirectory) {
  std::filesystem::create_directories(root_.path() + "/tenants");
  std::filesystem::create_directory_symlink("/etc", root_.path() + "/tenants/acme");
  EXPECT_EQ(storage_.EnsureTenant("acme").code(), absl::StatusCode::kInternal);
}

TEST_F(FileStorageTest, FilesLieInADirectoryOfTheSecondary) {
  const VmFiles files = storage_.FilesOf("acme", kId, with_disk_);
  EXPECT_EQ(files.disk_path, Vms() + "/" + kId + "/disk.qcow2");
  EXPECT_EQ(files.console_log, Vms() + "/" + kId + "/console.log");
  EXPECT_EQ(storage_.FilesOf("acme", kId, without_disk_).disk_path, "");
  EXPECT_FALSE(std::filesystem::exists(root_.path() + "/tenants"));
}

TEST_F(FileStorageTest, RunsNoQemuImgForAnImageWithoutADisk) {
  std::filesystem::remove(program_);
  ASSERT_TRUE(storage_.EnsureTenant("acme").ok());
  ASSERT_TRUE(storage_.CreateVmFiles("acme", kId, without_disk_, 0).ok());
  EXPECT_TRUE(std::filesystem::is_empty(Vms() + "/" + kId));
}

TEST_F(FileStorageTest, AFailedCreateLeavesNothing) {
  WriteTestFile(program_, "#!/bin/sh\nexit 1\n");
  ASSERT_TRUE(storage_.EnsureTenant("acme").ok());
  EXPECT_EQ(storage_.CreateVmFiles("acme", kId, with_disk_, 16).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_TRUE(std::filesystem::is_empty(Vms()));
}

TEST_F(FileStorageTest, ListsDirectoriesThatAreSecondariesOnly) {
  ASSERT_TRUE(storage_.EnsureTenant("acme").ok());
  WriteTestFile(Vms() + "/" + kId + ".json", "{}");  // a record
  WriteTestFile(Vms() + "/" + kId, "a file");
  std::filesystem::create_directory(Vms() + "/lost+found");
  std::filesystem::create_directory_symlink("/etc",
                                            Vms() + "/2b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f");
  EXPECT_THAT(*storage_.ListVmFiles("acme"), IsEmpty());
  ASSERT_TRUE(storage_.CreateVmFiles("acme", kOtherId, with_disk_, 16).ok());
  EXPECT_THAT(*storage_.ListVmFiles("acme"), ElementsAre(kOtherId));
}

TEST_F(FileStorageTest, RemovingASecondarysFilesLeavesItsRecordAndWhatALinkPointsTo) {
  ASSERT_TRUE(storage_.EnsureTenant("acme").ok());
  ASSERT_TRUE(storage_.CreateVmFiles("acme", kId, with_disk_, 16).ok());
  const std::string outside = root_.path() + "/outside";
  std::filesystem::create_directory(outside);
  WriteTestFile(outside + "/precious", "x");
  std::filesystem::create_directory_symlink(outside, Vms() + "/" + kId + "/link");
  WriteTestFile(Vms() + "/" + kId + ".json", "{}");
  ASSERT_TRUE(storage_.RemoveVmFiles("acme", kId).ok());
  EXPECT_FALSE(std::filesystem::exists(Vms() + "/" + kId));
  EXPECT_TRUE(std::filesystem::exists(Vms() + "/" + kId + ".json"));
  EXPECT_TRUE(std::filesystem::exists(outside + "/precious"));
}

TEST_F(FileStorageTest, RemovingATenantTakesItsRecordsToo) {
  ASSERT_TRUE(storage_.EnsureTenant("acme").ok());
  ASSERT_TRUE(storage_.EnsureTenant("globex").ok());
  WriteTestFile(root_.path() + "/tenants/acme/tenant.json", "{}");
  ASSERT_TRUE(storage_.RemoveTenant("acme").ok());
  EXPECT_FALSE(std::filesystem::exists(root_.path() + "/tenants/acme"));
  EXPECT_TRUE(std::filesystem::exists(root_.path() + "/tenants/globex/vms"));
}

}  // namespace
}  // namespace flatvm::storage
