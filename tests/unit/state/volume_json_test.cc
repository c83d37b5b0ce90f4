#include "daemon/state/volume_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nlohmann/json.hpp"
#include "tests/unit/state/sample_records.h"

namespace flatvm::state {
namespace {

using ::testing::HasSubstr;

TEST(VolumeJson, BringsAVolumeBackAsItWas) {
  const broker::VolumeRecord record = SampleVolume();
  const auto back = ParseVolume(FormatVolume(record));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, record);
  const auto empty = ParseVolume(FormatVolume(broker::VolumeRecord{}));
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_EQ(*empty, broker::VolumeRecord{});
}

TEST(VolumeJson, BringsEveryStateBack) {
  for (const auto state :
       {broker::VolumeState::kCreating, broker::VolumeState::kReady, broker::VolumeState::kDeleting,
        broker::VolumeState::kMoving, broker::VolumeState::kReturning}) {
    broker::VolumeRecord record = SampleVolume();
    record.state = state;
    const auto back = ParseVolume(FormatVolume(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->state, state);
  }
}

// Every field taken out, and every field of another type, is an error that names it.
TEST(VolumeJson, NamesTheFieldThatIsMissingOrMistyped) {
  const auto whole = nlohmann::json::parse(FormatVolume(SampleVolume()));
  const auto flat = whole.flatten();  // inner fields too, such as "/asked/clone_of"
  for (const auto& [pointer, value] : flat.items()) {
    const nlohmann::json::json_pointer place(pointer);
    nlohmann::json without = whole;
    without[place.parent_pointer()].erase(place.back());
    const auto missing = ParseVolume(without.dump());
    ASSERT_FALSE(missing.ok()) << pointer;
    EXPECT_THAT(std::string(missing.status().message()), HasSubstr(place.back()));

    nlohmann::json mistyped = whole;
    mistyped[place] = nullptr;
    const auto wrong = ParseVolume(mistyped.dump());
    ASSERT_FALSE(wrong.ok()) << pointer;
    EXPECT_THAT(std::string(wrong.status().message()), HasSubstr(place.back()));
  }
}

TEST(VolumeJson, RefusesWhatIsNoVolume) {
  for (const char* text : {"", "{", "[]", "null", "7", "{\"version\":1}", "\xff\xfe"}) {
    EXPECT_FALSE(ParseVolume(text).ok()) << text;
  }
  nlohmann::json spoilt = nlohmann::json::parse(FormatVolume(SampleVolume()));
  spoilt["state"] = "lost";
  EXPECT_THAT(std::string(ParseVolume(spoilt.dump()).status().message()),
              HasSubstr("state: \"lost\" is unknown"));
  spoilt = nlohmann::json::parse(FormatVolume(SampleVolume()));
  spoilt["version"] = 2;
  EXPECT_THAT(std::string(ParseVolume(spoilt.dump()).status().message()),
              HasSubstr("version: is 2, but this flatvmd reads 1"));
}

}  // namespace
}  // namespace flatvm::state
