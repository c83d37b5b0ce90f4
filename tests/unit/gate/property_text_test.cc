#include "daemon/systemd/property_text.h"

#include <gtest/gtest.h>

#include <set>

namespace flatvm::systemd {
namespace {

using Names = std::vector<std::string>;

TEST(PropertyText, IsAnotherForEachOther) {
  const std::vector<UnitProperty> all = {
      {"A", true},
      {"A", uint32_t{2}},
      {"A", uint64_t{3}},
      {"A", std::string("3 4")},
      {"A", Names{"3 4"}},
      {"A", Names{"3", "4"}},
      {"A", FilterList{true, {"3"}}},
      {"A", FilterList{false, {"3"}}},
      {"A", ExecCommand{{"/bin/true", "a b"}}},
      {"A", ExecCommand{{"/bin/true", "a", "b"}}},
      {"A", CpuSet{{0, 5}}},
      {"A", CpuSet{{5}}},
      {"A", DeviceLimits{{{"/dev/block/254:0", 7}}}},
      {"A", DeviceLimits{{{"/dev/block/254:0", 8}}}},
      {"A", BindPaths{{{"/usr", true}}}},
      {"A", BindPaths{{{"/usr", false}}}},
      {"B", std::string("3 4")},
  };
  std::set<std::string> texts;
  for (const UnitProperty& property : all) {
    texts.insert(TextOf({property}));
    EXPECT_EQ(TextOf({property}), TextOf({UnitProperty(property)}));
  }
  EXPECT_EQ(texts.size(), all.size());
  EXPECT_NE(TextOf({all[0], all[1]}), TextOf({all[1], all[0]}));
}

}  // namespace
}  // namespace flatvm::systemd
