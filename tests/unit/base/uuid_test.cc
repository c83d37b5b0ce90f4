#include "daemon/base/uuid.h"

#include <gtest/gtest.h>

#include <set>

#include "daemon/base/names.h"

namespace flatvm::base {
namespace {

TEST(NewUuid, IsALowerCaseVersion4Uuid) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = NewUuid();
    EXPECT_TRUE(IsUuid(uuid)) << uuid;
    EXPECT_EQ(uuid[14], '4') << uuid;
    EXPECT_NE(std::string("89ab").find(uuid[19]), std::string::npos) << uuid;
    seen.insert(uuid);
  }
  EXPECT_EQ(seen.size(), 100U);
}

}  // namespace
}  // namespace flatvm::base
