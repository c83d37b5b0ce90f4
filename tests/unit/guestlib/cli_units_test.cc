// Times and durations as flatvm prints them.
#include <gtest/gtest.h>

#include "guestlib/cli/render_json.h"
#include "guestlib/cli/render_text.h"

namespace flatvm::cli {
namespace {

using std::chrono::microseconds;

TEST(TimeText, IsRfc3339WithAsManyDigitsAsNeeded) {
  using std::chrono::nanoseconds;
  const struct {
    int64_t ns;
    const char* text;
  } kCases[] = {{0, ""},
                {1'000'000'000, "1970-01-01T00:00:01Z"},
                {1'700'000'000'005'000'000, "2023-11-14T22:13:20.005Z"},
                {1'700'000'000'000'040'000, "2023-11-14T22:13:20.000040Z"},
                {1'700'000'000'000'000'009, "2023-11-14T22:13:20.000000009Z"},
                {-1, "1969-12-31T23:59:59.999999999Z"}};
  for (const auto& test : kCases) {
    EXPECT_EQ(TimeText(std::chrono::system_clock::time_point(nanoseconds(test.ns))), test.text);
  }
}

TEST(ShortDuration, HasTwoOrThreeDigits) {
  const struct {
    int64_t us;
    const char* text;
  } kCases[] = {{0, "0.0 ms"},         {49, "0.0 ms"},     {50, "0.1 ms"},
                {9'949, "9.9 ms"},     {9'950, "10 ms"},   {21'400, "21 ms"},
                {999'499, "999 ms"},   {999'500, "1.0 s"}, {1'849'000, "1.8 s"},
                {61'000'000, "61.0 s"}};
  for (const auto& test : kCases) EXPECT_EQ(ShortDuration(microseconds(test.us)), test.text);
}

TEST(ShortAge, NamesTheLargestUnit) {
  const struct {
    int64_t seconds;
    const char* text;
  } kCases[] = {{-5, "0s"},    {0, "0s"},       {59, "59s"},    {60, "1min"},    {3'599, "59min"},
                {3'600, "1h"}, {86'399, "23h"}, {86'400, "1d"}, {864'000, "10d"}};
  for (const auto& test : kCases)
    EXPECT_EQ(ShortAge(std::chrono::seconds(test.seconds)), test.text);
}

}  // namespace
}  // namespace flatvm::cli
