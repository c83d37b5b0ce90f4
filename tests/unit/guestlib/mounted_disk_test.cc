// Mounts of a disk, from the kernel's books as the test writes them.
#include "guestlib/cli/mounted_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace flatvm::cli {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// What a Debian primary says, shortened.
constexpr const char* kMountInfo =
    "22 28 0:20 / /proc rw,nosuid,relatime shared:12 - proc proc rw\n"
    "28 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
    "31 28 254:16 / /srv/a\\040b\\134c rw,relatime shared:9 master:2 - ext4 /dev/vdb rw\n"
    "32 28 254:33 /sub /srv/part rw,relatime - xfs /dev/vdc1 rw\n"
    "33 28 0:45 /@ /srv/btrfs rw,relatime shared:5 - btrfs /dev/vdd rw,subvol=/@\n"
    "34 28 0:46 / /srv/nfs rw,relatime - nfs4 10.0.0.1:/ rw\n"
    "35 28 254:16 / /srv/second rw,relatime - ext4 /dev/vdb rw\n";

DeviceNumber NumberOf(const std::string& path) {
  static const std::map<std::string, DeviceNumber> kNumbers = {{"/dev/vdd", "254:48"},
                                                               {"/dev/vdb", "254:16"}};
  const auto found = kNumbers.find(path);
  return found == kNumbers.end() ? "" : found->second;
}

TEST(FindMountPoint, FindsADiskAPartitionAndABtrfs) {
  const struct {
    std::vector<DeviceNumber> devices;
    std::optional<std::string> mount_point;
  } kCases[] = {
      {{"254:16"}, "/srv/a b\\c"}, {{"254:32", "254:33"}, "/srv/part"},
      {{"254:48"}, "/srv/btrfs"},  {{"254:0", "254:1"}, "/"},
      {{"254:64"}, std::nullopt},  {{"254:3"}, std::nullopt},
      {{"54:16"}, std::nullopt},   {{}, std::nullopt},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(FindMountPoint(kMountInfo, test.devices, NumberOf), test.mount_point)
        << testing::PrintToString(test.devices);
  }
}

TEST(FindMountPoint, PassesOverWhatIsNoMount) {
  for (const char* text : {"", "\n\n", "31 28 254:16", "31 28 254:16 / /mnt rw",
                           "31 28 254:16 / /mnt rw shared:1", "31 28 254:16 / /mnt rw shared:1 -",
                           "31 28 254:16 / /mnt rw - ext4", "31  254:16 / /mnt - ext4 /dev/vdb"}) {
    EXPECT_EQ(FindMountPoint(text, {"254:16"}, NumberOf), std::nullopt) << text;
  }
  EXPECT_EQ(FindMountPoint("x\n31 28 254:16 / /a\\04 rw - ext4 /dev/vdb rw", {"254:16"}, NumberOf),
            "/a\\04");
}

class DevicesOfDiskTest : public testing::Test {
 protected:
  DevicesOfDiskTest() {
    std::string pattern = testing::TempDir() + "flatvm-sys-XXXXXX";
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    sys_ = pattern;
    fs::create_directories(sys_ / "block");
  }
  ~DevicesOfDiskTest() override { fs::remove_all(sys_); }

  // As the kernel does: /sys/block has links to where devices are.
  fs::path Device(const fs::path& place, const std::string& number) {
    const fs::path directory = sys_ / "devices" / place;
    fs::create_directories(directory / "holders");
    Write(directory / "dev", number + "\n");
    return directory;
  }
  fs::path Disk(const std::string& name, const std::string& number, const std::string& serial) {
    const fs::path directory = Device(name, number);
    Write(directory / "serial", serial);
    fs::create_directory_symlink(directory, sys_ / "block" / name);
    return directory;
  }
  fs::path Partition(const std::string& disk, const std::string& name, const std::string& number) {
    const fs::path directory = Device(fs::path(disk) / name, number);
    Write(directory / "partition", "1\n");
    return directory;
  }
  static void Hold(const fs::path& held, const fs::path& holder) {
    fs::create_directory_symlink(holder, held / "holders" / holder.filename());
  }
  static void Write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  std::vector<DeviceNumber> Find(const std::string& serial) {
    return DevicesOfDisk(serial, sys_ / "block");
  }

  fs::path sys_;
};

TEST_F(DevicesOfDiskTest, GoesBySerialAlone) {
  Disk("vda", "254:0", "");
  Disk("vdb", "254:16", "vol-5d2f1c3a9b7e4f60");
  Disk("vdc", "254:32", "vol-5d2f1c3a9b7e4f61\n");
  Device("loop0", "7:0");  // has no serial
  fs::create_directory_symlink(sys_ / "devices/loop0", sys_ / "block/loop0");
  EXPECT_THAT(Find("vol-5d2f1c3a9b7e4f60"), ElementsAre("254:16"));
  EXPECT_THAT(Find("vol-5d2f1c3a9b7e4f61"), ElementsAre("254:32"));
  EXPECT_THAT(Find("vol-5d2f1c3a9b7e4f6"), IsEmpty());
  EXPECT_THAT(Find(""), IsEmpty());
}

TEST_F(DevicesOfDiskTest, HasItsPartitionsAndWhatIsMadeOfThem) {
  const fs::path disk = Disk("vdb", "254:16", "vol-1");
  fs::create_directories(disk / "queue");
  const fs::path first = Partition("vdb", "vdb1", "254:17");
  Partition("vdb", "vdb2", "259:0");
  const fs::path luks = Device("virtual/dm-0", "253:0");
  const fs::path lvm = Device("virtual/dm-1", "253:1");
  Hold(first, luks);
  Hold(luks, lvm);
  EXPECT_THAT(Find("vol-1"), UnorderedElementsAre("254:16", "254:17", "259:0", "253:0", "253:1"));
}

TEST_F(DevicesOfDiskTest, EndsWhereSysfsIsNotAsItShouldBe) {
  EXPECT_THAT(DevicesOfDisk("vol-1", sys_ / "absent"), IsEmpty());
  const fs::path disk = Disk("vdb", "254:16", "vol-1");
  Hold(disk, disk);
  EXPECT_THAT(Find("vol-1"), testing::Each("254:16"));
  fs::remove(disk / "dev");
  EXPECT_THAT(Find("vol-1"), IsEmpty());
}

TEST(FindMountOfDisk, FindsNothingOfADiskThatIsNotThere) {
  const Result<std::string> mount_point = FindMountOfDisk("vol-0000000000000000");
  ASSERT_TRUE(mount_point.ok()) << mount_point.error().message;
  EXPECT_EQ(*mount_point, "");
}

}  // namespace
}  // namespace flatvm::cli
