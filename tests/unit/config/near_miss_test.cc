#include "daemon/config/near_miss.h"

#include <gtest/gtest.h>

namespace flatvm::config {
namespace {

TEST(EditDistance, CountsSingleByteEdits) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("port", "prt"), 1U);
  EXPECT_EQ(EditDistance("port", "sport"), 1U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

TEST(NearMiss, FindsTheNearest) {
  EXPECT_EQ(NearMiss("prot", {"port", "first", "last"}), "");  // two edits of four are too many
  EXPECT_EQ(NearMiss("ports", {"port", "first", "last"}), "port");
  EXPECT_EQ(NearMiss("state_dri", {"catalog_dir", "state_dir"}), "state_dir");
  EXPECT_EQ(NearMiss("elephant", {"port", "first"}), "");
  EXPECT_EQ(NearMiss(std::string(100'000, 'a'), {"port"}), "");
}

}  // namespace
}  // namespace flatvm::config
