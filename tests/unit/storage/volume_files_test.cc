#include "storage/volume_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "tests/fakes/temp_dir.h"
#include "tests/unit/storage/image_files.h"

namespace flatvm::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kId = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr const char* kOtherId = "1b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr const char* kThirdId = "2b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";
constexpr off_t kMib = base::kMebibyte;
constexpr auto kInternal = absl::StatusCode::kInternal;

struct stat StatOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
  return info;
}

class VolumeFilesTest : public ::testing::Test {
 protected:
  VolumeFilesTest() { fs::create_directories(root_.path() + "/tenants/acme"); }

  std::string Directory() const { return root_.path() + "/tenants/acme/volumes"; }
  std::string Raw(const std::string& id) const { return Directory() + "/" + id + ".raw"; }
  std::string Fresh(const std::string& id) const { return Raw(id) + ".new"; }
  // What the directory holds, by name.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(Directory())) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  void Put(const std::string& id, off_t at, const std::string& bytes) const {
    std::fstream file(Raw(id), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(at).write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
    EXPECT_TRUE(file.good());
  }
  std::string Get(const std::string& id, off_t at, size_t length) const {
    std::string bytes(length, '?');
    std::ifstream file(Raw(id), std::ios::binary);
    file.seekg(at).read(bytes.data(), static_cast<std::streamsize>(length));
    EXPECT_TRUE(file.good());
    return bytes;
  }

  fakes::TempDir root_;
  VolumeFiles volumes_{root_.path() + "/tenants"};
};

TEST_F(VolumeFilesTest, AVolumeIsAHoleOfItsSizeAndItsOwnersAlone) {
  const mode_t before = ::umask(0077);
  const absl::Status created = volumes_.CreateVolume("acme", kId, 64);
  ::umask(before);
  ASSERT_TRUE(created.ok()) << created;
  EXPECT_EQ(volumes_.VolumePath("acme", kId), Raw(kId));
  const struct stat info = StatOf(Raw(kId));
  EXPECT_EQ(info.st_mode, S_IFREG | 0600U);
  EXPECT_EQ(info.st_uid, ::geteuid());
  EXPECT_EQ(info.st_size, 64 * kMib);
  EXPECT_EQ(info.st_blocks, 0);
  EXPECT_THAT(Names(), ElementsAre(std::string(kId) + ".raw"));
  // QEMU may search it, whatever the umask.
  EXPECT_EQ(StatOf(Directory()).st_mode, S_IFDIR | 0711U);
}

TEST_F(VolumeFilesTest, OpensUpADirectoryThatARecordWasWrittenToFirst) {
  fs::create_directory(Directory());
  ASSERT_EQ(::chmod(Directory().c_str(), 0700), 0);
  ASSERT_TRUE(volumes_.EnsureDirectory("acme").ok());
  EXPECT_EQ(StatOf(Directory()).st_mode & 07777U, 0711U);
}

TEST_F(VolumeFilesTest, TakesSizesPastFourGibibytes) {
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 8192).ok());
  EXPECT_EQ(StatOf(Raw(kId)).st_size, 8192 * kMib);
}

TEST_F(VolumeFilesTest, AGrownVolumeKeepsItsContentAndGetsAHole) {
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 1).ok());
  Put(kId, kMib - 3, "end");
  ASSERT_TRUE(volumes_.GrowVolume("acme", kId, 64).ok());
  EXPECT_EQ(StatOf(Raw(kId)).st_size, 64 * kMib);
  EXPECT_LT(StatOf(Raw(kId)).st_blocks * 512, kMib);
  EXPECT_EQ(Get(kId, kMib - 3, 6), std::string("end\0\0\0", 6));
  EXPECT_EQ(volumes_.GrowVolume("acme", kId, 63).code(), kInternal);
  EXPECT_EQ(StatOf(Raw(kId)).st_size, 64 * kMib);
}

TEST_F(VolumeFilesTest, ACloneHasContentAndHolesAndIsApart) {
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 32).ok());
  Put(kId, 0, "beginning");
  Put(kId, 32 * kMib - 3, "end");
  ASSERT_EQ(::chmod(Raw(kId).c_str(), 0640), 0);  // as libvirt might leave it
  ASSERT_TRUE(volumes_.CloneVolume("acme", kId, kOtherId, 48).ok());
  const struct stat info = StatOf(Raw(kOtherId));
  EXPECT_EQ(info.st_mode, S_IFREG | 0600U);
  EXPECT_EQ(info.st_size, 48 * kMib);
  EXPECT_LT(info.st_blocks * 512, kMib);
  EXPECT_EQ(Get(kOtherId, 0, 12), std::string("beginning\0\0\0", 12));
  EXPECT_EQ(Get(kOtherId, 32 * kMib - 3, 6), std::string("end\0\0\0", 6));

  Put(kOtherId, 0, "other");
  EXPECT_EQ(Get(kId, 0, 9), "beginning");
  Put(kId, 5, "!");
  EXPECT_EQ(Get(kOtherId, 0, 9), "otherning");
  EXPECT_EQ(StatOf(Raw(kId)).st_size, 32 * kMib);
}

TEST_F(VolumeFilesTest, WhatACrashLeftHindersNoSecondTry) {
  ASSERT_TRUE(volumes_.EnsureDirectory("acme").ok());
  WriteTestFile(Fresh(kId), "half a volume");
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 1).ok());
  EXPECT_EQ(Get(kId, 0, 4), std::string(4, '\0'));
  WriteTestFile(Fresh(kOtherId), std::string(2 * kMib, 'x'));
  ASSERT_TRUE(volumes_.CloneVolume("acme", kId, kOtherId, 1).ok());
  EXPECT_EQ(Get(kOtherId, 0, 4), std::string(4, '\0'));
  EXPECT_THAT(Names(), ElementsAre(std::string(kId) + ".raw", std::string(kOtherId) + ".raw"));
}

TEST_F(VolumeFilesTest, WhatACrashLeftIsListedAndRemoved) {
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 1).ok());
  WriteTestFile(Fresh(kId), "half a volume");
  WriteTestFile(Fresh(kOtherId), "half a volume");
  EXPECT_THAT(*volumes_.ListVolumes("acme"), ElementsAre(kId, kOtherId));
  ASSERT_TRUE(volumes_.RemoveVolume("acme", kId).ok());
  ASSERT_TRUE(volumes_.RemoveVolume("acme", kOtherId).ok());
  EXPECT_TRUE(fs::is_empty(Directory()));
}

TEST_F(VolumeFilesTest, ListsFilesThatAreVolumesOnlyAndRemovesNoRecord) {
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 1).ok());
  const std::string record = Directory() + "/" + kId + ".json";
  WriteTestFile(record, "{}");
  WriteTestFile(record + ".new", "{");
  WriteTestFile(Directory() + "/" + kOtherId + ".json", "{}");
  WriteTestFile(Directory() + "/" + kOtherId, "x");
  WriteTestFile(Directory() + "/" + kOtherId + ".raw.old", "x");
  WriteTestFile(Directory() + "/data.raw", "x");
  WriteTestFile(Directory() + "/.raw", "x");
  fs::create_directory(Raw(kOtherId));
  fs::create_symlink("/etc/passwd", Raw(kThirdId));
  EXPECT_THAT(*volumes_.ListVolumes("acme"), ElementsAre(kId));
  ASSERT_TRUE(volumes_.RemoveVolume("acme", kId).ok());
  EXPECT_THAT(*volumes_.ListVolumes("acme"), IsEmpty());
  EXPECT_TRUE(fs::exists(record));
}

TEST_F(VolumeFilesTest, OpensNothingButARegularFileWithOneLink) {
  ASSERT_TRUE(volumes_.EnsureDirectory("acme").ok());
  const std::string outside = root_.path() + "/outside";
  WriteTestFile(outside, "precious");
  const std::vector<void (*)(const std::string&, const std::string&)> obstacles = {
      [](const std::string& target, const std::string& path) { fs::create_symlink(target, path); },
      [](const std::string& target, const std::string& path) {
        fs::create_hard_link(target, path);
      },
      [](const std::string&, const std::string& path) { fs::create_directory(path); },
      [](const std::string&, const std::string& path) {
        EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
      }};
  for (size_t i = 0; i < obstacles.size(); ++i) {
    obstacles[i](outside, Raw(kId));
    EXPECT_EQ(volumes_.GrowVolume("acme", kId, 1).code(), kInternal) << i;
    EXPECT_EQ(volumes_.CloneVolume("acme", kId, kOtherId, 1).code(), kInternal) << i;
    // Nor is it written over.
    EXPECT_EQ(volumes_.CreateVolume("acme", kId, 1).code(), kInternal) << i;
    EXPECT_THAT(Names(), ElementsAre(std::string(kId) + ".raw")) << i;
    fs::remove(Raw(kId));
  }
  EXPECT_EQ(StatOf(outside).st_size, 8);
}

TEST_F(VolumeFilesTest, NeverWritesThroughALinkInTheNewFilesPlace) {
  ASSERT_TRUE(volumes_.EnsureDirectory("acme").ok());
  const std::string outside = root_.path() + "/outside";
  WriteTestFile(outside, "precious");
  fs::create_symlink(outside, Fresh(kId));
  fs::create_hard_link(outside, Fresh(kOtherId));
  fs::create_directory(Fresh(kThirdId));
  EXPECT_TRUE(volumes_.CreateVolume("acme", kId, 1).ok());
  EXPECT_TRUE(volumes_.CreateVolume("acme", kOtherId, 1).ok());
  EXPECT_EQ(volumes_.CreateVolume("acme", kThirdId, 1).code(), kInternal);
  EXPECT_FALSE(fs::exists(Raw(kThirdId)));
  EXPECT_EQ(StatOf(outside).st_size, 8);
  EXPECT_EQ(StatOf(outside).st_nlink, 1U);
}

TEST_F(VolumeFilesTest, RemovesALinkAndNotWhatItPointsTo) {
  ASSERT_TRUE(volumes_.EnsureDirectory("acme").ok());
  const std::string outside = root_.path() + "/outside";
  WriteTestFile(outside, "precious");
  fs::create_symlink(outside, Raw(kId));
  fs::create_directory(Raw(kOtherId));
  EXPECT_TRUE(volumes_.RemoveVolume("acme", kId).ok());
  EXPECT_EQ(volumes_.RemoveVolume("acme", kOtherId).code(), kInternal);
  EXPECT_FALSE(fs::is_symlink(Raw(kId)));
  EXPECT_TRUE(fs::exists(outside));
}

TEST_F(VolumeFilesTest, FollowsNoSymlinkToADirectory) {
  // Nor to one beneath the tenants' directory.
  const std::string outside = root_.path() + "/tenants/outside";
  fs::create_directories(outside + "/volumes");
  WriteTestFile(outside + "/volumes/" + kOtherId + ".raw", "precious");
  fs::create_directory_symlink(outside + "/volumes", Directory());
  fs::create_directory_symlink("outside", root_.path() + "/tenants/globex");
  for (const char* tenant : {"acme", "globex"}) {
    EXPECT_EQ(volumes_.EnsureDirectory(tenant).code(), kInternal);
    EXPECT_EQ(volumes_.CreateVolume(tenant, kId, 1).code(), kInternal);
    EXPECT_EQ(volumes_.GrowVolume(tenant, kOtherId, 1).code(), kInternal);
    EXPECT_EQ(volumes_.CloneVolume(tenant, kOtherId, kId, 1).code(), kInternal);
    EXPECT_EQ(volumes_.RemoveVolume(tenant, kOtherId).code(), kInternal);
    EXPECT_EQ(volumes_.ListVolumes(tenant).status().code(), kInternal);
  }
  EXPECT_EQ(StatOf(outside + "/volumes/" + kOtherId + ".raw").st_size, 8);
}

// Of a file size limit, which stands for a full disk: both fail in the middle of the making.
TEST_F(VolumeFilesTest, AFailedCreateOrCloneLeavesNothing) {
  ASSERT_TRUE(volumes_.CreateVolume("acme", kId, 4).ok());
  Put(kId, 3 * kMib, "beyond");
  const auto previous = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = kMib;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status created = volumes_.CreateVolume("acme", kOtherId, 4);
  const absl::Status cloned = volumes_.CloneVolume("acme", kId, kOtherId, 4);
  const absl::Status grown = volumes_.GrowVolume("acme", kId, 5);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, previous);
  for (const absl::Status& status : {created, cloned, grown}) {
    EXPECT_EQ(status.code(), kInternal);
    EXPECT_THAT(std::string(base::Message(status)), ::testing::HasSubstr("EFBIG"));
  }
  EXPECT_THAT(Names(), ElementsAre(std::string(kId) + ".raw"));
  EXPECT_EQ(StatOf(Raw(kId)).st_size, 4 * kMib);
}

TEST_F(VolumeFilesTest, MakesNoPathOfWhatIsNoId) {
  for (const char* id : {"", "../../x", "/etc/x", "x"}) {
    EXPECT_EQ(volumes_.CreateVolume("acme", id, 1).code(), kInternal);
    EXPECT_EQ(volumes_.CloneVolume("acme", id, kId, 1).code(), kInternal);
    EXPECT_EQ(volumes_.CloneVolume("acme", kId, id, 1).code(), kInternal);
    EXPECT_EQ(volumes_.GrowVolume("acme", id, 1).code(), kInternal);
    EXPECT_EQ(volumes_.RemoveVolume("acme", id).code(), kInternal);
    EXPECT_EQ(volumes_.VolumePath("acme", id), "");
  }
  EXPECT_EQ(volumes_.EnsureDirectory("../tenants/acme").code(), kInternal);
  EXPECT_EQ(volumes_.CreateVolume("../tenants/acme", kId, 1).code(), kInternal);
  EXPECT_EQ(volumes_.ListVolumes("..").status().code(), kInternal);
  EXPECT_FALSE(fs::exists(Directory()));  // which the first thing done would have made
}

}  // namespace
}  // namespace flatvm::storage
