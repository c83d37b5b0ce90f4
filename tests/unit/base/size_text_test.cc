#include "daemon/base/size_text.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "daemon/base/error.h"

namespace flatvm::base {
namespace {

TEST(ParseSizeMib, TakesAWholeNumberAndAUnit) {
  const struct {
    const char* text;
    uint32_t size_mib;
  } kTable[] = {{"0MiB", 0},       {"192MiB", 192},          {"4GiB", 4096},
                {"1TiB", 1048576}, {"2048KiB", 2},           {"4294967295MiB", UINT32_MAX},
                {"0KiB", 0},       {"4095TiB", 4293918720U}, {"4194303GiB", 4294966272U}};
  for (const auto& row : kTable) {
    const auto size = ParseSizeMib("memory", row.text);
    ASSERT_TRUE(size.ok()) << row.text << ": " << size.status();
    EXPECT_EQ(*size, row.size_mib) << row.text;
  }
}

TEST(ParseSizeMib, RefusesAllElse) {
  const struct {
    const char* text;
    Reason reason;
  } kTable[] = {
      {"", Reason::kFieldMalformed},
      {"192", Reason::kFieldMalformed},
      {"192 MiB", Reason::kFieldMalformed},
      {"192MB", Reason::kFieldMalformed},
      {"192M", Reason::kFieldMalformed},
      {"192mib", Reason::kFieldMalformed},
      {"-1MiB", Reason::kFieldMalformed},
      {"+1MiB", Reason::kFieldMalformed},
      {"1.5GiB", Reason::kFieldMalformed},
      {"0x10MiB", Reason::kFieldMalformed},
      {"MiB", Reason::kFieldMalformed},
      {" 1MiB", Reason::kFieldMalformed},
      {"1MiB ", Reason::kFieldMalformed},
      {"1MiB\n", Reason::kFieldMalformed},
      {"1500KiB", Reason::kFieldMalformed},
      {"4294967296MiB", Reason::kFieldOutOfRange},
      {"4096TiB", Reason::kFieldOutOfRange},
      {"18446744073709551615TiB", Reason::kFieldOutOfRange},
      {"99999999999999999999999MiB", Reason::kFieldOutOfRange},
  };
  for (const auto& row : kTable) {
    const auto size = ParseSizeMib("limits.memory", row.text);
    ASSERT_FALSE(size.ok()) << row.text;
    EXPECT_EQ(size.status().code(), absl::StatusCode::kInvalidArgument) << row.text;
    EXPECT_EQ(GetErrorInfo(size.status()).reason, row.reason) << row.text;
    EXPECT_EQ(GetErrorInfo(size.status()).field, "limits.memory") << row.text;
  }
}

TEST(ParseSizeMib, EscapesWhatItQuotes) {
  const auto size = ParseSizeMib("m", "\x1b[2J");
  EXPECT_EQ(std::string(size.status().message()).find('\x1b'), std::string::npos);
}

TEST(FormatSizeMib, IsShortAndExact) {
  EXPECT_EQ(FormatSizeMib(0), "0MiB");
  EXPECT_EQ(FormatSizeMib(192), "192MiB");
  EXPECT_EQ(FormatSizeMib(4096), "4GiB");
  EXPECT_EQ(FormatSizeMib(4097), "4097MiB");
  EXPECT_EQ(FormatSizeMib(1U << 20U), "1TiB");
  EXPECT_EQ(FormatSizeMib(UINT32_MAX), "4294967295MiB");
}

TEST(ParseDurationMs, TakesAWholeNumberAndAUnit) {
  const struct {
    const char* text;
    uint32_t duration_ms;
  } kTable[] = {{"0s", 0},         {"250ms", 250},         {"30s", 30'000},
                {"2min", 120'000}, {"86400s", 86'400'000}, {"1440min", 86'400'000}};
  for (const auto& row : kTable) {
    const auto duration = ParseDurationMs("timeout", row.text);
    ASSERT_TRUE(duration.ok()) << row.text << ": " << duration.status();
    EXPECT_EQ(*duration, row.duration_ms) << row.text;
  }
}

TEST(ParseDurationMs, RefusesAllElse) {
  const struct {
    const char* text;
    Reason reason;
  } kTable[] = {
      {"", Reason::kFieldMalformed},         {"30", Reason::kFieldMalformed},
      {"30 s", Reason::kFieldMalformed},     {"30sec", Reason::kFieldMalformed},
      {"1h", Reason::kFieldMalformed},       {"-1s", Reason::kFieldMalformed},
      {"0.5s", Reason::kFieldMalformed},     {"86401s", Reason::kFieldOutOfRange},
      {"1441min", Reason::kFieldOutOfRange}, {"99999999999999999999s", Reason::kFieldOutOfRange}};
  for (const auto& row : kTable) {
    const auto duration = ParseDurationMs("timeouts.create", row.text);
    ASSERT_FALSE(duration.ok()) << row.text;
    EXPECT_EQ(GetErrorInfo(duration.status()).reason, row.reason) << row.text;
    EXPECT_EQ(GetErrorInfo(duration.status()).field, "timeouts.create") << row.text;
  }
}

TEST(FormatDurationMs, IsReadBackAsTheSame) {
  EXPECT_EQ(FormatDurationMs(0), "0s");
  EXPECT_EQ(FormatDurationMs(1500), "1500ms");
  EXPECT_EQ(FormatDurationMs(30'000), "30s");
  EXPECT_EQ(FormatDurationMs(120'000), "2min");
  for (const uint32_t duration_ms : {0U, 1U, 999U, 61'000U, 3'600'000U, 86'400'000U}) {
    const auto parsed = ParseDurationMs("x", FormatDurationMs(duration_ms));
    ASSERT_TRUE(parsed.ok()) << duration_ms;
    EXPECT_EQ(*parsed, duration_ms);
  }
}

}  // namespace
}  // namespace flatvm::base
