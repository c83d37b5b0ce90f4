#include "daemon/gate/front_unit.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace flatvm::gate {
namespace {

using systemd::ExecCommand;
using systemd::FilterList;
using systemd::Handle;
using systemd::UnitProperty;

FrontUnit Acme() {
  return {.tenant = "a-b", .program = "/usr/libexec/front", .memory_max_bytes = 64, .link = 9};
}

// All values of a property, in order.
std::vector<UnitProperty> Find(const std::string& name) {
  std::vector<UnitProperty> found;
  for (const UnitProperty& property : FrontUnitProperties(Acme())) {
    if (property.name == name) found.push_back(property);
  }
  return found;
}

TEST(FrontUnit, IsNamedAfterItsTenantAndReadBack) {
  EXPECT_EQ(FrontUnitName("a-b"), "flatvm-front-a\\x2db.service");
  EXPECT_EQ(TenantOfFrontUnit("flatvm-front-a\\x2db.service"), "a-b");
  EXPECT_EQ(TenantOfFrontUnit("flatvm-front-acme.service"), "acme");
  for (const char* other :
       {"", "flatvm-front-.service", "flatvm-front-a-b.service", "flatvm-front-a\\x2fb.service",
        "flatvm-front-acme.socket", "flatvmd.service", "flatvm-front-\\x2da.service"}) {
    EXPECT_EQ(TenantOfFrontUnit(other), "") << other;
  }
}

TEST(FrontUnit, RunsInItsTenantsSliceWithTheLinkAsStandardInput) {
  const std::vector<UnitProperty> expected = {
      {"Slice", std::string("flatvm-a\\x2db.slice")},
      {"ExecStart", ExecCommand{{"/usr/libexec/front", "--tenant", "a-b"}}},
      {"StandardInputFileDescriptor", Handle{9}},
      {"MemoryMax", uint64_t{64}},
  };
  for (const UnitProperty& property : expected) {
    EXPECT_EQ(Find(property.name), std::vector<UnitProperty>{property}) << property.name;
  }
}

TEST(FrontUnit, IsSandboxed) {
  const std::vector<UnitProperty> expected = {
      {"DynamicUser", true},
      {"NoNewPrivileges", true},
      {"CapabilityBoundingSet", uint64_t{0}},
      {"PrivateNetwork", true},
      {"PrivateDevices", true},
      {"ProtectSystem", std::string("strict")},
      {"ProtectProc", std::string("invisible")},
      {"RestrictNamespaces", uint64_t{0}},
      {"RestrictAddressFamilies", FilterList{true, {"AF_UNIX"}}},
      {"MemoryDenyWriteExecute", true},
  };
  for (const UnitProperty& property : expected) {
    EXPECT_EQ(Find(property.name), std::vector<UnitProperty>{property}) << property.name;
  }
  const std::vector<UnitProperty> filters = Find("SystemCallFilter");
  ASSERT_EQ(filters.size(), 2U);
  EXPECT_EQ(filters[0].value, decltype(UnitProperty::value)(FilterList{true, {"@system-service"}}));
  const auto& denied = std::get<FilterList>(filters[1].value);
  EXPECT_FALSE(denied.allow);
  for (const char* name : {"@privileged", "connect"}) {
    EXPECT_EQ(std::count(denied.names.begin(), denied.names.end(), name), 1) << name;
  }
}

TEST(FrontUnit, HasAnEnvironmentOnlyWhereATestStopsIt) {
  EXPECT_TRUE(Find("Environment").empty());
  FrontUnit unit = Acme();
  unit.stop_at = "front.asked";
  const UnitProperty expected{"Environment",
                              std::vector<std::string>{"FLATVM_STOP_AT=front.asked"}};
  EXPECT_EQ(FrontUnitProperties(unit).back(), expected);
}

TEST(FrontUnit, SaysEachPropertyOnceButTheFilter) {
  std::vector<std::string> names;
  for (const UnitProperty& property : FrontUnitProperties(Acme())) {
    if (property.name != "SystemCallFilter") names.push_back(property.name);
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace flatvm::gate
