#include "daemon/imports/import_unit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <variant>

namespace flatvm::imports {
namespace {

using systemd::UnitProperty;
using testing::Contains;

constexpr const char* kId = "0b0e36f2-6d2e-4d5f-9f0c-1a2b3c4d5e6f";

TEST(ImportUnit, IsNamedAfterTenantAndImage) {
  EXPECT_EQ(ImportUnitName("acme", kId), std::string("flatvm-import-acme-") + kId + ".service");
  EXPECT_EQ(ImportUnitName("a-b", kId), std::string("flatvm-import-a\\x2db-") + kId + ".service");
}

TEST(ImportUnit, RunsInTheTenantsSliceAndWritesNoLargerFile) {
  const auto properties =
      ImportUnitProperties({.tenant = "a-b", .program = "/p", .size_bytes = 12345, .link = 7});
  EXPECT_THAT(properties, Contains(UnitProperty{"Slice", std::string("flatvm-a\\x2db.slice")}));
  EXPECT_THAT(properties, Contains(UnitProperty{"LimitFSIZE", uint64_t{12345}}));
  EXPECT_THAT(properties,
              Contains(UnitProperty{"StandardInputFileDescriptor", systemd::Handle{7}}));
  EXPECT_THAT(properties, Contains(UnitProperty{"DynamicUser", true}));
  EXPECT_THAT(properties, Contains(UnitProperty{"NoNewPrivileges", true}));
  EXPECT_THAT(properties, Contains(UnitProperty{"PrivateNetwork", true}));
}

}  // namespace
}  // namespace flatvm::imports
