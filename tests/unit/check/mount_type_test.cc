#include "daemon/check/mount_type.h"

#include <gtest/gtest.h>

namespace flatvm::check {
namespace {

constexpr const char* kMountinfo =
    "25 1 254:0 / / rw,noatime shared:1 - ext4 /dev/vda rw\n"
    "31 25 0:27 /@state /var/lib/flatvm rw,relatime shared:5 master:2 - btrfs /dev/vdb "
    "rw,subvol=/@\n"
    "32 25 0:28 / /odd rw\n"
    "33 25 0:29 / /cut rw -\n";

TEST(FindMountType, IsWhatStandsBehindTheDash) {
  EXPECT_EQ(FindMountType(kMountinfo, 25), "ext4");
  EXPECT_EQ(FindMountType(kMountinfo, 31), "btrfs");
}

TEST(FindMountType, IsEmptyForWhatIsNotListed) {
  for (const uint64_t id : {2U, 5U, 3U, 32U, 33U})
    EXPECT_EQ(FindMountType(kMountinfo, id), "") << id;
  EXPECT_EQ(FindMountType("", 25), "");
}

}  // namespace
}  // namespace flatvm::check
