#include "guestlib/src/quota_disk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kMountInfo =
    "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
    "31 22 254:16 / /mnt/quota rw,nosuid,noatime shared:5 - ext4 /dev/vdb rw,errors=remount-ro\n"
    "32 22 254:16 / /srv/a\\040b ro,relatime - ext4 /dev/vdb rw,errors=remount-ro\n"
    "33 22 254:1 / /boot rw - ext4 /dev/vda1 rw\n";

// A VM with the disk on /dev/vdb.
struct FakeVm {
  std::string mountinfo = kMountInfo;
  bool has_disk = true;
  std::set<std::string> files = {"/dev/vdb", "/mnt/quota/images/web.raw",
                                 "/srv/a b/images/web.raw"};
  std::map<std::string, int> errors;  // of unmount and mount, by point
  std::vector<std::string> calls;
  milliseconds now{0};
  milliseconds back_at{0};  // until then there is no disk

  DiskCalls Calls() {
    return {.find = [this](const std::string& serial) -> std::optional<BlockDevice> {
              EXPECT_EQ(serial, "flatvm-quota");
              if (!has_disk || now < back_at) return std::nullopt;
              return BlockDevice{.path = "/dev/vdb", .number = "254:16"};
            },
            .read_mountinfo = [this] { return mountinfo; },
            .unmount =
                [this](const std::string& point) {
                  calls.push_back("unmount " + point);
                  return errors[point];
                },
            .mount =
                [this](const std::string& device, const DiskMount& mount) {
                  calls.push_back("mount " + device + " " + mount.point);
                  return errors[mount.point];
                },
            .exists = [this](const std::string& path) { return files.contains(path); },
            .now = [this] { return std::chrono::steady_clock::time_point(now); },
            .sleep = [this](milliseconds pause) { now += pause; }};
  }
};

TEST(FindMounts, KeepsEverythingThatMountTakes) {
  EXPECT_THAT(FindMounts(kMountInfo, "254:16"),
              ElementsAre(DiskMount{.point = "/mnt/quota",
                                    .root = "/",
                                    .type = "ext4",
                                    .flags = MS_NOSUID | MS_NOATIME,
                                    .data = "errors=remount-ro"},
                          DiskMount{.point = "/srv/a b",
                                    .root = "/",
                                    .type = "ext4",
                                    .flags = MS_RDONLY | MS_RELATIME,
                                    .data = "errors=remount-ro"}));
  for (const char* none : {"", "\n\n", "31 22 254:16 / /mnt rw ext4", "31 22 254:16 - ext4 x rw",
                           "31 22 254:16 / /mnt rw - ext4"}) {
    EXPECT_THAT(FindMounts(none, "254:16"), IsEmpty()) << none;
  }
}

TEST(UnmountedQuotaDisk, IsUnmountedLastFirstAndMountedAgainAsItWas) {
  FakeVm vm;
  auto disk = UnmountedQuotaDisk::Unmount(vm.Calls(), "images/web.raw");
  ASSERT_TRUE(disk.ok()) << disk.error().message;
  EXPECT_THAT(vm.calls, ElementsAre("unmount /srv/a b", "unmount /mnt/quota"));
  vm.calls.clear();
  vm.back_at = milliseconds(100);
  EXPECT_EQ(disk->MountAgain(milliseconds(1000)), std::nullopt);
  EXPECT_THAT(vm.calls, ElementsAre("mount /dev/vdb /mnt/quota", "mount /dev/vdb /srv/a b"));
  vm.calls.clear();
  EXPECT_EQ(disk->MountAgain(milliseconds(1000)), std::nullopt);
  EXPECT_THAT(vm.calls, IsEmpty());
}

TEST(UnmountedQuotaDisk, IsNothingWhereThereIsNoDiskOrNoMount) {
  FakeVm vm;
  vm.mountinfo = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n";
  EXPECT_TRUE(UnmountedQuotaDisk::Unmount(vm.Calls(), "images/web.raw").ok());
  vm.has_disk = false;
  auto disk = UnmountedQuotaDisk::Unmount(vm.Calls(), "images/web.raw");
  ASSERT_TRUE(disk.ok());
  EXPECT_EQ(disk->MountAgain(milliseconds(0)), std::nullopt);
  EXPECT_THAT(vm.calls, IsEmpty());
}

TEST(UnmountedQuotaDisk, LeavesADiskThatIsInUseAsItWas) {
  FakeVm vm;
  vm.errors["/mnt/quota"] = EBUSY;
  const auto disk = UnmountedQuotaDisk::Unmount(vm.Calls(), "images/web.raw");
  ASSERT_FALSE(disk.ok());
  EXPECT_EQ(disk.error().reason, Reason::kPrimaryKeepsDisk);
  EXPECT_THAT(disk.error().message, testing::HasSubstr("/mnt/quota"));
  EXPECT_THAT(vm.calls,
              ElementsAre("unmount /srv/a b", "unmount /mnt/quota", "mount /dev/vdb /srv/a b"));
}

TEST(UnmountedQuotaDisk, SaysBeforeAnythingThatThereIsNoSuchFile) {
  FakeVm vm;
  const auto disk = UnmountedQuotaDisk::Unmount(vm.Calls(), "images/none.raw");
  ASSERT_FALSE(disk.ok());
  EXPECT_EQ(disk.error().reason, Reason::kImageNotFound);
  EXPECT_THAT(vm.calls, IsEmpty());
}

TEST(UnmountedQuotaDisk, RefusesAPartOfItThatIsMountedElsewhere) {
  FakeVm vm;
  vm.mountinfo += "40 22 254:16 /images /srv/images rw - ext4 /dev/vdb rw\n";
  const auto disk = UnmountedQuotaDisk::Unmount(vm.Calls(), "images/web.raw");
  ASSERT_FALSE(disk.ok());
  EXPECT_THAT(disk.error().message, testing::HasSubstr("/srv/images"));
  EXPECT_THAT(vm.calls, IsEmpty());
}

TEST(UnmountedQuotaDisk, SaysThatTheDiskDidNotComeBack) {
  FakeVm vm;
  auto disk = UnmountedQuotaDisk::Unmount(vm.Calls(), "images/web.raw");
  ASSERT_TRUE(disk.ok());
  vm.has_disk = false;
  const auto error = disk->MountAgain(milliseconds(500));
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace flatvm::guestlib
