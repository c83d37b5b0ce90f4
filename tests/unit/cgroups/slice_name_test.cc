#include "cgroups/slice_name.h"

#include <gtest/gtest.h>

#include "cgroups/tenant_cgroups.h"

namespace flatvm::cgroups {
namespace {

TEST(SliceName, EscapesTheDashThatWouldMeanAChildSlice) {
  EXPECT_EQ(SliceName("acme"), "flatvm-acme.slice");
  EXPECT_EQ(SliceName("my-team-2"), "flatvm-my\\x2dteam\\x2d2.slice");
}

TEST(PartitionPath, IsNotEscapedAsLibvirtDoesThat) {
  EXPECT_EQ(PartitionPath("acme"), "/flatvm/acme");
  EXPECT_EQ(PartitionPath("my-team"), "/flatvm/my-team");
}

TEST(TenantOfSlice, InvertsSliceName) {
  for (const char* tenant : {"a", "acme", "my-team-2", "x2d", "a-x2d"}) {
    EXPECT_EQ(TenantOfSlice(SliceName(tenant)), tenant);
  }
}

TEST(TenantOfSlice, IsNoneForOtherUnits) {
  for (const char* unit : {"", "flatvm.slice", "flatvm-.slice", "flatvm-acme.service",
                           "flatvm-acme-child.slice", "flatvm-Acme.slice", "flatvm-a\\x41.slice",
                           "flatvm-\\x2dacme.slice", "machine.slice", "xflatvm-acme.slice"}) {
    EXPECT_EQ(TenantOfSlice(unit), std::nullopt) << unit;
  }
}

}  // namespace
}  // namespace flatvm::cgroups
