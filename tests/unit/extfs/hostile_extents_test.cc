// Trees of extents that point where they must not: each is refused, and the disk stays as it is.
#include <ext2fs/ext2fs.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "storage/extfs/file_map.h"
#include "storage/extfs/image.h"
#include "tests/unit/extfs/quota_disk.h"

namespace flatvm::extfs {
namespace {

using ::testing::HasSubstr;

// A node of the tree, in the inode or in a block.
struct Node {
  ext3_extent_header header;
  ext3_extent extents[4];  // or ext3_extent_idx: as large
};

ext3_extent_idx* IndexOf(Node* node, size_t i) {
  return reinterpret_cast<ext3_extent_idx*>(&node->extents[i]);
}

class HostileExtentsTest : public ::testing::Test {
 protected:
  // 8 extents of 1 KiB each with holes between them: one node below the inode. No checksums, so
  // that blocks can be edited.
  void MakeTree() {
    std::string content(16 * 1024, '\0');
    for (size_t i = 0; i < 16; i += 2) content.replace(i * 1024, 1024, Noise(1024));
    disk_.Put(kImagePath, content);
    Make();
  }
  // One extent of 100 KiB, in the inode.
  void MakeFlat() {
    disk_.Put(kImagePath, Noise(100 * 1024));
    Make();
  }
  void Make() {
    disk_.Make({"-b", "1024", "-O", "^metadata_csum,^64bit"});
    const absl::StatusOr<Image> image = FindOn(disk_);
    ASSERT_TRUE(image.ok()) << image.status();
    first_data_ = image->extents[0].disk_offset / 1024;
    disk_.EditGroup([this](auto* group) { group_ = *group; });
  }
  void EditRoot(const std::function<void(Node*)>& change) {
    disk_.EditInode(kImagePath, [&change](ext2_inode* inode) {
      Node node{};
      static_assert(sizeof node == sizeof inode->i_block);
      std::memcpy(&node, inode->i_block, sizeof node);
      change(&node);
      std::memcpy(inode->i_block, &node, sizeof node);
    });
  }
  // The node that the root's first index points to.
  void EditNode(const std::function<void(Node*)>& change) {
    uint64_t at = 0;
    EditRoot([&at](Node* root) { at = uint64_t{IndexOf(root, 0)->ei_leaf} * 1024; });
    Node node{};
    std::memcpy(&node, disk_.Bytes().data() + at, sizeof node);
    change(&node);
    disk_.Patch(at, std::string_view(reinterpret_cast<const char*>(&node), sizeof node));
  }
  void ExpectDamaged(const char* says) {
    const std::string before = disk_.Bytes();
    const absl::Status status = FindOn(disk_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << says << ": " << status;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kQuotaDiskUnusable) << says;
    EXPECT_THAT(std::string(base::Message(status)), HasSubstr(says));
    EXPECT_TRUE(disk_.Bytes() == before) << says;
  }

  QuotaDisk disk_;
  uint64_t first_data_ = 0;  // the image's first block
  ext2_group_desc group_{};
};

TEST_F(HostileExtentsTest, RefusesBlocksThatAreNoFiles) {
  struct Target {
    const char* says;
    std::function<uint64_t()> block;
  };
  const std::vector<Target> targets = {
      {"outside the filesystem", [] { return 0; }},
      {"outside the filesystem", [] { return 8192; }},  // one behind the last
      {"outside the filesystem", [] { return 8150; }},  // 100 blocks of which go past the end
      {"outside the filesystem", [] { return (uint64_t{1} << 48U) - 1; }},
      {"of the metadata", [] { return 1; }},  // the superblock
      {"of the metadata", [] { return 2; }},  // group descriptors
      {"of the metadata", [this] { return group_.bg_block_bitmap; }},
      {"of the metadata", [this] { return group_.bg_inode_bitmap; }},
      {"of the metadata", [this] { return group_.bg_inode_table; }},
      {"of the metadata", [this] { return group_.bg_inode_table - 50U; }},
      {"marked as free", [] { return 8000; }},
      {"marked as free", [this] { return first_data_ + 1; }},
  };
  for (const Target& target : targets) {
    MakeFlat();
    EditRoot([&target](Node* root) {
      root->extents[0].ee_start = static_cast<uint32_t>(target.block());
      root->extents[0].ee_start_hi = static_cast<uint16_t>(target.block() >> 32U);
    });
    ExpectDamaged(target.says);
  }
}

TEST_F(HostileExtentsTest, RefusesExtentsThatDoNotFitEachOther) {
  const std::vector<std::pair<const char*, std::function<void(Node*)>>> cases = {
      {"a block twice", [](Node* node) { node->extents[1].ee_start = node->extents[0].ee_start; }},
      {"a block twice", [](Node* node) { node->extents[0].ee_len = 2; }},
      {"not in order", [](Node* node) { node->extents[1].ee_block = 0; }},
      {"not in order", [](Node* node) { node->extents[0].ee_block = 0xFFFFFFFF; }},
      {"outside", [](Node* node) { node->extents[2].ee_len = 0; }},
      {"outside", [](Node* node) { node->extents[2].ee_len = 0x8000; }},
      {"outside", [](Node* node) { node->extents[2].ee_len = 0xFFFF; }},
      {"extents", [](Node* node) { node->header.eh_magic = 0; }},
      {"extents", [](Node* node) { node->header.eh_entries = 0; }},
      {"extents", [](Node* node) { node->header.eh_entries = 0xFFFF; }},
      {"extents", [](Node* node) { node->header.eh_entries = node->header.eh_max = 0xFFFF; }},
      {"extents", [](Node* node) { node->header.eh_max = 1; }},
  };
  for (const auto& [says, change] : cases) {
    MakeTree();
    EditNode(change);
    ExpectDamaged(says);
  }
}

TEST_F(HostileExtentsTest, RefusesTreesThatAreTooDeepOrLoop) {
  const std::vector<std::pair<const char*, std::function<void(Node*)>>> cases = {
      {"too deep", [](Node* root) { root->header.eh_depth = 6; }},
      {"too deep", [](Node* root) { root->header.eh_depth = 0xFFFF; }},
      // Leaves read as nodes.
      {"outside the filesystem", [](Node* root) { root->header.eh_depth = 5; }},
      // One node twice.
      {"not in order",
       [](Node* root) {
         root->header.eh_entries = 2;
         *IndexOf(root, 1) = *IndexOf(root, 0);
         IndexOf(root, 1)->ei_block = 100;
       }},
      {"outside the filesystem", [](Node* root) { IndexOf(root, 0)->ei_leaf = 0xFFFFFFFF; }},
      {"outside the filesystem", [](Node* root) { IndexOf(root, 0)->ei_leaf_hi = 1; }},
      {"of the metadata",
       [this](Node* root) { IndexOf(root, 0)->ei_leaf = group_.bg_inode_table; }},
      {"marked as free", [](Node* root) { IndexOf(root, 0)->ei_leaf = 8000; }},
  };
  for (const auto& [says, change] : cases) {
    MakeTree();
    EditRoot(change);
    ExpectDamaged(says);
  }
}

// A tree of depth 3 whose node points to itself at every level.
TEST_F(HostileExtentsTest, RefusesANodeThatIsItsOwnChild) {
  MakeTree();
  uint32_t node_block = 0;
  EditRoot([&node_block](Node* root) {
    root->header.eh_depth = 3;
    node_block = IndexOf(root, 0)->ei_leaf;
  });
  EditNode([node_block](Node* node) {
    node->header.eh_depth = 2;
    for (size_t i = 0; i < 4; ++i) {
      *IndexOf(node, i) = {};
      IndexOf(node, i)->ei_block = static_cast<uint32_t>(i);
      IndexOf(node, i)->ei_leaf = node_block;
    }
  });
  ExpectDamaged("extent");
}

TEST_F(HostileExtentsTest, RefusesANodeAmongItsOwnData) {
  MakeTree();
  uint32_t node_block = 0;
  EditRoot([&node_block](Node* root) { node_block = IndexOf(root, 0)->ei_leaf; });
  EditNode([node_block](Node* node) { node->extents[1].ee_start = node_block; });
  ExpectDamaged("a block twice");
}

TEST_F(HostileExtentsTest, RefusesADirectoryOfSuchExtents) {
  MakeFlat();
  disk_.EditInode("images", [](ext2_inode* inode) {
    Node node{};
    std::memcpy(&node, inode->i_block, sizeof node);
    node.extents[0].ee_start = 8000;
    std::memcpy(inode->i_block, &node, sizeof node);
  });
  ExpectDamaged("marked as free");
}

TEST_F(HostileExtentsTest, ReadsNothingBehindTheLengthInTheInode) {
  MakeFlat();
  disk_.EditInode(kImagePath, [](ext2_inode* inode) { inode->i_size = 1536; });
  const absl::StatusOr<Image> image = FindOn(disk_);
  ASSERT_TRUE(image.ok()) << image.status();
  ASSERT_EQ(image->extents.size(), 1U);
  EXPECT_EQ(image->extents[0].length, 2048U);
  EXPECT_EQ(ContentOf(disk_, *image), Noise(100 * 1024).substr(0, 1536));
}

}  // namespace
}  // namespace flatvm::extfs
