// Files and directories that are not what they should be: each is refused, and the disk stays as it
// is.
#include <ext2fs/ext2fs.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/extfs/image.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

using base::Reason;
using ::testing::HasSubstr;

struct Hostile {
  const char* says;
  Reason reason;
  std::function<void(const QuotaDisk&)> spoil;
};

// Puts it into the way of every kind of access, and compares.
void ExpectRefused(const QuotaDisk& disk, const Hostile& hostile) {
  const std::string before = disk.Bytes();
  for (const Access access : {Access::kRead, Access::kReadWrite}) {
    const absl::Status status = FindOn(disk, access).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << hostile.says;
    EXPECT_EQ(base::GetErrorInfo(status).reason, hostile.reason) << hostile.says << ": " << status;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(hostile.says));
  }
  EXPECT_TRUE(disk.Bytes() == before) << hostile.says;
}

std::function<void(const QuotaDisk&)> EditInode(std::function<void(ext2_inode*)> change) {
  return
      [change = std::move(change)](const QuotaDisk& disk) { disk.EditInode(kImagePath, change); };
}

std::function<void(const QuotaDisk&)> SetFlag(uint32_t flag) {
  return EditInode([flag](ext2_inode* inode) { inode->i_flags |= flag; });
}

std::function<void(const QuotaDisk&)> SetLength(uint64_t bytes) {
  return EditInode([bytes](ext2_inode* inode) {
    inode->i_size = static_cast<uint32_t>(bytes);
    inode->i_size_high = static_cast<uint32_t>(bytes >> 32U);
  });
}

TEST(HostileImage, RefusesAFileOfTheWrongKind) {
  const std::vector<Hostile> cases = {
      {"encrypted", Reason::kImageUnusable, SetFlag(EXT4_ENCRYPT_FL)},
      {"fs-verity", Reason::kImageUnusable, SetFlag(EXT4_VERITY_FL)},
      {"not stored in extents", Reason::kImageUnusable, SetFlag(EXT4_INLINE_DATA_FL)},
      {"immutable", Reason::kImageUnusable, SetFlag(EXT2_IMMUTABLE_FL)},
      {"append-only", Reason::kImageUnusable, SetFlag(EXT2_APPEND_FL)},
      {"an attribute", Reason::kImageUnusable, SetFlag(EXT2_COMPR_FL)},
      {"an attribute", Reason::kImageUnusable, SetFlag(EXT4_EA_INODE_FL)},
      {"an attribute", Reason::kImageUnusable, SetFlag(EXT4_SNAPFILE_FL)},
      {"an attribute", Reason::kImageUnusable, SetFlag(EXT2_INDEX_FL)},
      {"not stored in extents", Reason::kImageUnusable,
       EditInode([](auto* inode) { inode->i_flags &= ~uint32_t{EXT4_EXTENTS_FL}; })},
      {"one name only", Reason::kImageUnusable,
       [](auto& disk) {
         disk.EditInode(kImagePath, [](auto* inode) { inode->i_links_count = 2; });
         disk.Debugfs({"ln images/web.raw other"});
       }},
      {"one name only", Reason::kImageUnusable,
       EditInode([](auto* inode) { inode->i_links_count = 0; })},
      {"multiple of 512", Reason::kImageUnusable, SetLength(0)},
      {"multiple of 512", Reason::kImageUnusable, SetLength(511)},
      {"multiple of 512", Reason::kImageUnusable, SetLength(102400 + 513)},
      {"is larger than", Reason::kImageUnusable, SetLength(uint64_t{4} << 50U)},
      {"is larger than", Reason::kImageUnusable, SetLength(~uint64_t{511})},
      {"extended attributes", Reason::kImageUnusable,
       EditInode([](auto* inode) { inode->i_file_acl = 5000; })},
      {"regular file", Reason::kImageUnusable,
       EditInode([](auto* inode) { inode->i_mode = LINUX_S_IFBLK | 0600; })},
      {"regular file", Reason::kImageUnusable,
       EditInode([](auto* inode) { inode->i_mode = LINUX_S_IFIFO | 0600; })},
      {"regular file", Reason::kImageUnusable, EditInode([](auto* inode) { inode->i_mode = 0; })},
      {"symbolic link", Reason::kImageUnusable,
       EditInode([](auto* inode) { inode->i_mode = LINUX_S_IFLNK | 0777; })},
      {"reserved or free", Reason::kQuotaDiskUnusable,
       EditInode([](auto* inode) { inode->i_dtime = 1700000000; })},
      {"reserved or free", Reason::kQuotaDiskUnusable,
       [](auto& disk) { disk.Debugfs({"freei images/web.raw"}); }},
  };
  for (const Hostile& hostile : cases) {
    QuotaDisk disk;
    disk.MakeWithImage();
    hostile.spoil(disk);
    ExpectRefused(disk, hostile);
  }
}

// As debugfs makes them, which is as a guest would.
TEST(HostileImage, RefusesWhatIsNoFileAtItsPath) {
  const std::vector<Hostile> cases = {
      {"is a symbolic link", Reason::kImageUnusable,
       [](auto& disk) { disk.Debugfs({"symlink images/web.raw /etc/shadow"}); }},
      {"is a symbolic link", Reason::kImageUnusable,
       [](auto& disk) {
         disk.Debugfs({"symlink images/web.raw " + std::string(200, 'x')});  // in a block
       }},
      {"regular file", Reason::kImageUnusable,
       [](auto& disk) {
         disk.Debugfs({"cd images", "mknod web.raw b 8 0"});
       }},
      {"regular file", Reason::kImageUnusable,
       [](auto& disk) { disk.Debugfs({"mkdir images/web.raw"}); }},
      {"names an inode that is reserved", Reason::kQuotaDiskUnusable,
       [](auto& disk) { disk.Debugfs({"ln <8> images/web.raw"}); }},  // the journal
  };
  for (const Hostile& hostile : cases) {
    QuotaDisk disk;
    disk.Put("images/other", "x");
    disk.Make();
    hostile.spoil(disk);
    ExpectRefused(disk, hostile);
  }
}

TEST(HostileImage, FollowsNoSymbolicLinkOnItsWay) {
  QuotaDisk disk;
  disk.Put("real/web.raw", Noise(512));
  std::filesystem::create_directory_symlink("real", disk.TreePath("images"));
  disk.Make();
  EXPECT_TRUE(FindOn(disk, Access::kRead, "real/web.raw").ok());
  ExpectRefused(disk, {"through a symbolic link", Reason::kImageUnusable, nullptr});
}

TEST(HostileImage, RefusesADirectoryThatIsNone) {
  const auto edit = [](std::function<void(ext2_inode*)> change) {
    return
        [change = std::move(change)](const QuotaDisk& disk) { disk.EditInode("images", change); };
  };
  const std::vector<Hostile> cases = {
      {"of a kind", Reason::kImageUnusable,
       edit([](auto* inode) { inode->i_flags |= EXT4_ENCRYPT_FL; })},
      {"of a kind", Reason::kImageUnusable,
       edit([](auto* inode) { inode->i_flags |= EXT4_CASEFOLD_FL; })},
      {"of a kind", Reason::kImageUnusable,
       edit([](auto* inode) { inode->i_flags |= EXT4_INLINE_DATA_FL; })},
      {"of a kind", Reason::kImageUnusable,
       edit([](auto* inode) { inode->i_flags &= ~uint32_t{EXT4_EXTENTS_FL}; })},
      {"more than 16 MiB", Reason::kImageUnusable,
       edit([](auto* inode) { inode->i_size = 0xFFFFF000; })},
      {"more than 16 MiB", Reason::kImageUnusable,
       edit([](auto* inode) { inode->i_size_high = 1; })},
      {"no whole blocks", Reason::kQuotaDiskUnusable, edit([](auto* inode) { inode->i_size = 0; })},
      {"no whole blocks", Reason::kQuotaDiskUnusable,
       edit([](auto* inode) { inode->i_size = 1000; })},
  };
  for (const Hostile& hostile : cases) {
    QuotaDisk disk;
    disk.MakeWithImage();
    hostile.spoil(disk);
    ExpectRefused(disk, hostile);
  }
}

TEST(HostileImage, RefusesAnEntryOfNoInode) {
  for (const char* number : {"\xff\xff\xff\xff", "\x09\x3d\x01"}) {
    QuotaDisk disk;
    disk.MakeWithImage({"-O", "^metadata_csum"});
    disk.Patch(disk.Bytes().find("web.raw") - 8, number);
    ExpectRefused(disk, {"Illegal inode number", Reason::kQuotaDiskUnusable, nullptr});
  }
}

TEST(HostileImage, RefusesWrongChecksums) {
  QuotaDisk disk;
  disk.MakeWithImage({"-b", "4096"});
  const uint32_t number = disk.InodeOf(kImagePath);
  uint32_t table = 0;
  disk.EditGroup([&table](auto* group) { table = group->bg_inode_table; });
  // Its time of change, which nothing here looks at.
  disk.Patch(uint64_t{table} * 4096 + (number - 1) * 256 + 12, "time");
  ExpectRefused(disk, {"checksum", Reason::kQuotaDiskUnusable, nullptr});

  disk.MakeWithImage({"-b", "4096"});
  const std::string bytes = disk.Bytes();
  disk.Patch(bytes.find("web.raw"), "WEB");
  ExpectRefused(disk, {"checksum", Reason::kQuotaDiskUnusable, nullptr});
}

}  // namespace
}  // namespace flatvm::extfs
