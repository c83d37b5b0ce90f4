#include "cgroups/storage_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "tests/unit/cgroups/fake_host_tree.h"

namespace flatvm::cgroups {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(FindMountSource, FindsTheMountByItsNumber) {
  const char* mountinfo =
      "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
      "36 22 0:32 /@ /var/lib/flatvm rw master:1 propagate_from:2 - btrfs /dev/vdb rw,subvol=/@\n"
      "37 22 0:33 / /mnt/a\\040b rw - btrfs /dev/mapper/a\\040b rw\n"
      "38 22 0:34 / /tmp rw - tmpfs tmpfs rw\n";
  EXPECT_EQ(FindMountSource(mountinfo, 22), "/dev/vda1");
  EXPECT_EQ(FindMountSource(mountinfo, 36), "/dev/vdb");
  EXPECT_EQ(FindMountSource(mountinfo, 37), "/dev/mapper/a b");
  EXPECT_EQ(FindMountSource(mountinfo, 38), "tmpfs");
  EXPECT_EQ(FindMountSource(mountinfo, 3), std::nullopt);
}

TEST(FindMountSource, IsNoneInAnythingElse) {
  for (const char* bad :
       {"", "\n", "36", "36 22 0:32 / / rw", "36 22 0:32 / / rw -", "36 22 0:32 / / rw - btrfs",
        "36 22 0:32 / / rw - btrfs ", " 36 22 0:32 / / rw - btrfs /dev/vda rw", "x - y z"}) {
    EXPECT_EQ(FindMountSource(bad, 36), std::nullopt) << bad;
  }
  EXPECT_EQ(FindMountSource("36 - btrfs /dev/a\\04\n", 36), "/dev/a\\04");
}

absl::StatusOr<std::string> Find(const FakeHostTree& host) {
  return FindStorageDevice(FakeHostTree::kStorageDir, host.roots());
}

TEST(FindStorageDevice, TakesTheDiskOfAPartition) {
  FakeHostTree host;
  host.AddDisk("254:0", "vda");
  host.AddPartition("254:2", "vda2", "vda");
  host.MountStorage(host.Node("vda2"));
  EXPECT_EQ(*Find(host), "254:0");
}

TEST(FindStorageDevice, TakesAWholeDiskAsItIs) {
  FakeHostTree host;
  host.AddDisk("259:0", "nvme0n1");
  host.MountStorage(host.Node("nvme0n1"));
  EXPECT_EQ(*Find(host), "259:0");
}

// As systemd does: LUKS on LVM on a partition.
TEST(FindStorageDevice, GoesDownThroughDevicesThatLieOnOneDisk) {
  FakeHostTree host;
  host.AddDisk("8:0", "sda");
  host.AddPartition("8:2", "sda2", "sda");
  host.AddPartition("8:3", "sda3", "sda");
  host.AddDisk("253:0", "dm-0", {"sda2", "sda3"});
  host.AddDisk("253:1", "dm-1", {"dm-0"});
  host.MountStorage(host.Node("dm-1", "mapper/crypt"));
  EXPECT_EQ(*Find(host), "8:0");
}

TEST(FindStorageDevice, StaysAtADeviceOnSeveralDisks) {
  FakeHostTree host;
  host.AddDisk("8:0", "sda");
  host.AddPartition("8:1", "sda1", "sda");
  host.AddDisk("8:16", "sdb");
  host.AddDisk("9:0", "md0", {"sda1", "sdb"});
  host.MountStorage(host.Node("md0"));
  EXPECT_EQ(*Find(host), "9:0");
}

TEST(FindStorageDevice, NamesTheDirectoryThatNoBlockDeviceHolds) {
  FakeHostTree host;
  host.MountStorage("tmpfs");
  const absl::Status status = Find(host).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(status)), AllOf(HasSubstr("/proc"), HasSubstr("tmpfs")));
  const absl::Status missing = FindStorageDevice("/none/such", host.roots()).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(base::Message(missing)), HasSubstr("/none/such"));
}

TEST(FindStorageDevice, IsInternalWhenSysfsDoesNotKnowTheDevice) {
  FakeHostTree host;
  host.MountStorage(host.Node("vda"));
  EXPECT_EQ(Find(host).status().code(), absl::StatusCode::kInternal);
  host.MountStorage("/dev/none/such");
  EXPECT_EQ(Find(host).status().code(), absl::StatusCode::kInternal);
  host.AddDisk("vda", "vda");
  host.MountStorage(host.Node("vda"));
  EXPECT_EQ(Find(host).status().code(), absl::StatusCode::kInternal);
}

TEST(FindStorageDevice, EndsInALoop) {
  FakeHostTree host;
  host.AddDisk("253:0", "dm-0");
  host.AddDisk("253:1", "dm-1", {"dm-0"});
  std::filesystem::create_directories(host.roots().sys + "/devices/dm-0/slaves");
  std::filesystem::create_symlink(host.roots().sys + "/devices/dm-1",
                                  host.roots().sys + "/devices/dm-0/slaves/dm-1");
  host.MountStorage(host.Node("dm-1"));
  EXPECT_EQ(Find(host).status().code(), absl::StatusCode::kInternal);
}

// A directory with a device number of its own, where the machine has one.
TEST(FindStorageDevice, AsksForTheDirectorysOwnDevice) {
  struct statx info = {};
  const fakes::TempDir directory;
  ASSERT_EQ(::statx(AT_FDCWD, directory.path().c_str(), 0, STATX_BASIC_STATS, &info), 0);
  if (info.stx_dev_major == 0) GTEST_SKIP() << "this machine lacks a temporary directory on a disk";
  FakeHostTree host;
  host.AddDisk("999:0", "vda");
  host.AddPartition(base::StrCat(info.stx_dev_major, ":", info.stx_dev_minor), "vda1", "vda");
  EXPECT_EQ(*FindStorageDevice(directory.path(), host.roots()), "999:0");
}

TEST(ReadPossibleCpus, ReadsTheKernelsList) {
  FakeHostTree host;
  host.SetPossibleCpus("0-2,5");
  EXPECT_THAT(*ReadPossibleCpus(host.roots()), ElementsAre(0, 1, 2, 5));
  EXPECT_TRUE(ReadPossibleCpus(HostRoots{}).ok());
}

TEST(ReadPossibleCpus, IsInternalWhenThereIsNone) {
  FakeHostTree host;
  host.SetPossibleCpus("many");
  for (const HostRoots& roots : {host.roots(), HostRoots{.sys = "/none/such"}}) {
    const absl::Status status = ReadPossibleCpus(roots).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr("cpu/possible"));
  }
}

}  // namespace
}  // namespace flatvm::cgroups
