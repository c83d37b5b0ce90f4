#include "daemon/config/strict_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::config {
namespace {

TEST(ParseStrictJson, ReadsAnyValue) {
  for (const char* text :
       {"{}", "[]", "1", "null", "{\"a\":[{\"b\":1},{\"b\":2}],\"c\":{\"a\":{}}}",
        " \n{ \"a\" : true }\n"}) {
    EXPECT_TRUE(ParseStrictJson(text).ok()) << text;
  }
}

TEST(ParseStrictJson, SaysWhereTheSyntaxBreaks) {
  const struct {
    const char* text;
    const char* place;
  } kTable[] = {
      {"", "line 1, column 1: "},
      {"{", "line 1, column 1: "},  // the last byte there is
      {"{\"a\": 1,}", "line 1, column 9: "},
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "line 3, column 5: "},
      {"{\"a\": tru}", "line 1, column 10: "},
      {"{\"a\": 'x'}", "line 1, column 7: "},
      {"{} {}", "line 1, column 4: "},
      {"{}x", "line 1, column 3: "},
      {"{\"a\": 01}", "line 1, column 8: "},
      {"{\"a\": +1}", "line 1, column 7: "},
      {"{\"a\": NaN}", "line 1, column 7: "},
      {"{\"a\": \"\xff\"}", "line 1, column 8: "},
      {"{\"a\": \"\x01\"}", "line 1, column 8: "},
      {"{\"a\": \"\\q\"}", "line 1, column 9: "},
      {"{\"a\": 1e999}", "line 1, column "},
  };
  for (const auto& row : kTable) {
    const auto tree = ParseStrictJson(row.text);
    ASSERT_FALSE(tree.ok()) << row.text;
    EXPECT_EQ(tree.status().code(), absl::StatusCode::kInvalidArgument) << row.text;
    EXPECT_EQ(base::GetErrorInfo(tree.status()).reason, base::Reason::kFieldMalformed);
    EXPECT_THAT(std::string(base::Message(tree.status())), testing::StartsWith(row.place))
        << row.text;
  }
}

TEST(ParseStrictJson, SaysThatCommentsAreNotAllowed) {
  for (const char* text : {"{\n// no\n}", "{\n/* no */}", "{\n# no\n}"}) {
    EXPECT_EQ(base::Message(ParseStrictJson(text).status()),
              "line 2, column 1: comments are not allowed")
        << text;
  }
}

TEST(ParseStrictJson, EscapesWhatItQuotes) {
  const auto tree = ParseStrictJson("{\"a\": \x1b[2J}");
  EXPECT_EQ(tree.status().ToString().find('\x1b'), std::string::npos);
}

TEST(ParseStrictJson, NamesADuplicateKeyByItsPath) {
  const struct {
    const char* text;
    const char* path;
  } kTable[] = {{"{\"a\":1,\"a\":1}", "a"},
                {"{\"vsock\":{\"port\":1,\"port\":2}}", "vsock.port"},
                {"{\"l\":[{\"x\":1},{\"x\":1,\"x\":2}]}", "l[1].x"},
                {"{\"\\u0061\":1,\"a\":1}", "a"}};
  for (const auto& row : kTable) {
    const auto tree = ParseStrictJson(row.text);
    EXPECT_EQ(base::GetErrorInfo(tree.status()).field, row.path) << row.text;
    EXPECT_EQ(base::Message(tree.status()), std::string(row.path) + ": is there twice");
  }
}

TEST(ParseStrictJson, TakesDeepNestingWithoutRecursion) {
  constexpr size_t kDepth = 20'000;
  const std::string deep = std::string(kDepth, '[') + std::string(kDepth, ']');
  EXPECT_TRUE(ParseStrictJson(deep).ok());
}

}  // namespace
}  // namespace flatvm::config
