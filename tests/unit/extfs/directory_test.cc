#include "storage/extfs/directory.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/error.h"

namespace flatvm::extfs {
namespace {

// One entry, little-endian, as long as `length` says; its name may be cut by that.
std::string Entry(uint32_t inode, size_t length, std::string_view name) {
  std::string entry;
  for (unsigned shift = 0; shift < 32; shift += 8) entry += static_cast<char>(inode >> shift);
  entry += static_cast<char>(length);
  entry += static_cast<char>(length >> 8U);
  entry += static_cast<char>(name.size());
  entry += '\1';
  entry += name;
  entry.resize(length < 8 ? 8 : length, '\0');
  return entry;
}

const std::string kBlock = Entry(2, 12, ".") + Entry(2, 12, "..") + Entry(12, 16, "a") +
                           Entry(0, 16, "gone") + Entry(14, 20, "web.raw") +
                           Entry(15, 1024 - 12 - 12 - 16 - 16 - 20 - 12, "web.raw") +
                           Entry(0, 12, "");  // a checksum's place

TEST(FindInBlock, FindsTheFirstOfTheName) {
  ASSERT_EQ(kBlock.size(), 1024U);
  const absl::StatusOr<std::optional<DirectoryEntry>> entry = FindInBlock(kBlock, "web.raw");
  ASSERT_TRUE(entry.ok() && entry->has_value());
  EXPECT_EQ((*entry)->inode, 14U);
  EXPECT_EQ((*entry)->offset, 56U);
  EXPECT_EQ((*entry)->previous, 40U);
  EXPECT_FALSE((*FindInBlock(kBlock, "."))->previous.has_value());
  for (const char* name : {"gone", "web", "web.rawx", "A", ""}) {
    EXPECT_FALSE(FindInBlock(kBlock, name)->has_value()) << name;
  }
}

TEST(FindInBlock, RefusesEntriesThatDoNotFit) {
  const std::string rest = Entry(0, 1012, "");
  const std::vector<std::string> blocks = {
      Entry(12, 0, "a") + std::string(1016, '\0'),
      Entry(12, 4, "a") + std::string(1016, '\0'),
      Entry(12, 7, "a") + std::string(1016, '\0'),
      Entry(12, 13, "a") + std::string(1011, '\0'),
      Entry(12, 12, "abcde") + rest,  // a name longer than its entry
      Entry(12, 12, std::string(255, 'n')).substr(0, 12) + rest,
      Entry(12, 1028, "a").substr(0, 1024),
      Entry(12, 65532, "a").substr(0, 1024),
      Entry(12, 1020, "a") + std::string(4, '\0'),  // no place for one more
      std::string(1024, '\0'),
      std::string(1024, '\xff'),
      std::string(7, '\0'),
  };
  for (size_t i = 0; i < blocks.size(); ++i) {
    // A heap copy of just this length: the address sanitizer sees a read past it.
    const std::vector<char> copy(blocks[i].begin(), blocks[i].end());
    const absl::Status status = FindInBlock({copy.data(), copy.size()}, "x").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << i;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kQuotaDiskUnusable) << i;
  }
}

}  // namespace
}  // namespace flatvm::extfs
