#include "daemon/ctl/option_values.h"

#include <gtest/gtest.h>

#include <limits>

#include "daemon/base/error.h"

namespace flatvm::ctl {
namespace {

using base::GetErrorInfo;
using base::Reason;

// `status` is a bad word after --option.
void ExpectRefused(const absl::Status& status, Reason reason, const std::string& word) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << word;
  EXPECT_EQ(GetErrorInfo(status).reason, reason) << word;
  EXPECT_EQ(GetErrorInfo(status).field, "--option") << word;
}

TEST(ParseCount, TakesWholeNumbers) {
  EXPECT_EQ(*ParseCount("--option", "0"), 0U);
  EXPECT_EQ(*ParseCount("--option", "010"), 10U);
  EXPECT_EQ(*ParseCount("--option", "4294967295"), 4294967295U);
  for (const char* word : {"", "-1", "+1", " 1", "1 ", "0x4", "1.5", "none", "99999999999x"}) {
    ExpectRefused(ParseCount("--option", word).status(), Reason::kFieldMalformed, word);
  }
  ExpectRefused(ParseCount("--option", "4294967296").status(), Reason::kFieldOutOfRange, "2^32");
}

TEST(ParseByteRate, TakesSizesAndNone) {
  const struct {
    const char* word;
    uint64_t bytes;
  } kTable[] = {{"none", 0},
                {"1KiB", 1024},
                {"200MiB", uint64_t{200} << 20U},
                {"3GiB", uint64_t{3} << 30U},
                {"16777215TiB", uint64_t{16'777'215} << 40U}};
  for (const auto& row : kTable) {
    const auto bytes = ParseByteRate("--option", row.word);
    ASSERT_TRUE(bytes.ok()) << row.word;
    EXPECT_EQ(*bytes, row.bytes) << row.word;
  }
}

TEST(ParseByteRate, RefusesAllElse) {
  for (const char* word : {"", "0", "200", "MiB", "200MB", "200 MiB", " 200MiB", "-1MiB", "+1MiB",
                           "1.5MiB", "200MiB/s", "200mib", "None", "all", "99999999999999999999"}) {
    ExpectRefused(ParseByteRate("--option", word).status(), Reason::kFieldMalformed, word);
  }
  for (const char* word : {"0MiB", "16777216TiB", "99999999999999999999KiB"}) {
    ExpectRefused(ParseByteRate("--option", word).status(), Reason::kFieldOutOfRange, word);
  }
}

TEST(ParseOperationRate, TakesWholeNumbersAndNone) {
  EXPECT_EQ(*ParseOperationRate("--option", "none"), 0U);
  EXPECT_EQ(*ParseOperationRate("--option", "1000"), 1000U);
  EXPECT_EQ(*ParseOperationRate("--option", "18446744073709551615"),
            std::numeric_limits<uint64_t>::max());
  for (const char* word : {"", "-1", "1k", "1000/s", "all"}) {
    ExpectRefused(ParseOperationRate("--option", word).status(), Reason::kFieldMalformed, word);
  }
  for (const char* word : {"0", "18446744073709551616"}) {
    ExpectRefused(ParseOperationRate("--option", word).status(), Reason::kFieldOutOfRange, word);
  }
}

TEST(ParseCpus, TakesListsAndAll) {
  EXPECT_EQ(*ParseCpus("--option", "all"), "");
  EXPECT_EQ(*ParseCpus("--option", "8,2-4,5"), "2-5,8");
  for (const char* word : {"", "none", "2-", "5-2", "2,,3", "2-5:2", "a"}) {
    ExpectRefused(ParseCpus("--option", word).status(), Reason::kFieldMalformed, word);
  }
}

TEST(ParseCarveMode, TakesTheModesNames) {
  EXPECT_EQ(*ParseCarveMode("--option", "reserved"), v1::CARVE_RESERVED);
  EXPECT_EQ(*ParseCarveMode("--option", "balloon"), v1::CARVE_BALLOON);
  for (const char* word : {"", "Balloon", "none", "CARVE_BALLOON"}) {
    ExpectRefused(ParseCarveMode("--option", word).status(), Reason::kFieldMalformed, word);
  }
}

}  // namespace
}  // namespace flatvm::ctl
