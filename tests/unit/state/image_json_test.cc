#include "daemon/state/image_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nlohmann/json.hpp"
#include "tests/unit/state/sample_records.h"

namespace flatvm::state {
namespace {

using ::testing::HasSubstr;

TEST(ImageJson, BringsAnImageBackAsItWas) {
  for (const broker::ImageRecord& record : {SampleImage(), broker::ImageRecord{}}) {
    const auto back = ParseImage(FormatImage(record));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, record);
  }
}

TEST(ImageJson, BringsEveryStateAndFormatBack) {
  for (const auto state : {broker::ImageState::kImporting, broker::ImageState::kReady,
                           broker::ImageState::kDeleting}) {
    for (const auto format : {base::DiskFormat::kRaw, base::DiskFormat::kQcow2}) {
      broker::ImageRecord record = SampleImage();
      record.state = state;
      record.format = format;
      const auto back = ParseImage(FormatImage(record));
      ASSERT_TRUE(back.ok()) << back.status();
      EXPECT_EQ(*back, record);
    }
  }
}

// Every field taken out, and every field of another type, is an error that names it.
TEST(ImageJson, NamesTheFieldThatIsMissingOrMistyped) {
  const auto whole = nlohmann::json::parse(FormatImage(SampleImage()));
  for (const auto& [key, value] : whole.items()) {
    nlohmann::json without = whole;
    without.erase(key);
    const auto missing = ParseImage(without.dump());
    ASSERT_FALSE(missing.ok()) << key;
    EXPECT_THAT(std::string(missing.status().message()), HasSubstr(key));

    nlohmann::json mistyped = whole;
    mistyped[key] = nullptr;
    const auto wrong = ParseImage(mistyped.dump());
    ASSERT_FALSE(wrong.ok()) << key;
    EXPECT_THAT(std::string(wrong.status().message()), HasSubstr(key));
  }
}

TEST(ImageJson, RefusesWhatIsNoImage) {
  for (const char* text : {"", "{", "[]", "null", "7", "{\"version\":1}", "\xff\xfe"}) {
    EXPECT_FALSE(ParseImage(text).ok()) << text;
  }
  nlohmann::json spoilt = nlohmann::json::parse(FormatImage(SampleImage()));
  spoilt["size_bytes"] = -1;
  EXPECT_THAT(std::string(ParseImage(spoilt.dump()).status().message()),
              HasSubstr("size_bytes: is negative"));
  spoilt = nlohmann::json::parse(FormatImage(SampleImage()));
  spoilt["format"] = "vmdk";
  EXPECT_THAT(std::string(ParseImage(spoilt.dump()).status().message()),
              HasSubstr("format: \"vmdk\" is unknown"));
}

}  // namespace
}  // namespace flatvm::state
