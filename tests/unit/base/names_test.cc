#include "daemon/base/names.h"

#include <gtest/gtest.h>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::base {
namespace {

TEST(IsName, AcceptsTheWholeAlphabetAndLength) {
  for (const std::string& name : {std::string("a"), std::string("0"), std::string("web-1"),
                                  std::string("a--b"), std::string(kMaxNameLength, 'z')}) {
    EXPECT_TRUE(IsName(name)) << name;
    EXPECT_TRUE(CheckName("name", name).ok()) << name;
  }
}

TEST(IsName, RefusesAllElse) {
  for (const std::string& name :
       {std::string("-a"), std::string("a-"), std::string("-"), std::string("A"),
        std::string("a_b"), std::string("a.b"), std::string("a/b"), std::string(".."),
        std::string("a b"), std::string("a\n"), std::string("a\0b", 3), std::string("\xc3\xa9"),
        std::string("<a>"), std::string(kMaxNameLength + 1, 'z')}) {
    EXPECT_FALSE(IsName(name)) << EscapeForLog(name);
    EXPECT_EQ(GetErrorInfo(CheckName("spec.name", name)).reason, Reason::kFieldMalformed);
    EXPECT_EQ(GetErrorInfo(CheckName("spec.name", name)).field, "spec.name");
  }
  EXPECT_FALSE(IsName(""));
  EXPECT_EQ(GetErrorInfo(CheckName("spec.name", "")).reason, Reason::kFieldMissing);
}

TEST(CheckName, NeverRepeatsWhatItWasGiven) {
  EXPECT_EQ(Message(CheckName("name", "EVIL")).find("EVIL"), std::string_view::npos);
}

TEST(CheckRequestId, AllowsNoneAndTheDocumentedAlphabet) {
  for (const std::string& id :
       {std::string(), std::string("aZ09_.-"), std::string(kMaxRequestIdLength, 'a')}) {
    EXPECT_TRUE(CheckRequestId(id).ok()) << id;
  }
  for (const std::string& id : {std::string("a b"), std::string("a/b"), std::string("\n"),
                                std::string("\xff"), std::string(kMaxRequestIdLength + 1, 'a')}) {
    EXPECT_EQ(GetErrorInfo(CheckRequestId(id)).reason, Reason::kFieldMalformed);
    EXPECT_EQ(GetErrorInfo(CheckRequestId(id)).field, "request_id");
  }
}

TEST(IsUuid, TakesLowerCaseOnly) {
  EXPECT_TRUE(IsUuid("0123abcd-4567-489a-bcde-f0123456789a"));
  for (const char* text :
       {"", "0123ABCD-4567-489a-bcde-f0123456789a", "0123abcd-4567-489a-bcde-f0123456789",
        "0123abcd-4567-489a-bcde-f0123456789ab", "0123abcd04567-489a-bcde-f0123456789a",
        "0123abcd-4567-489a-bcdef-0123456789a", "{123abcd-4567-489a-bcde-f012345678}a"}) {
    EXPECT_FALSE(IsUuid(text)) << text;
  }
}

TEST(EscapeUnitComponent, KeepsADashFromStartingAChildSlice) {
  EXPECT_EQ(EscapeUnitComponent("acme"), "acme");
  EXPECT_EQ(EscapeUnitComponent("a-b--c"), "a\\x2db\\x2d\\x2dc");
}

TEST(TapName, FitsAnInterfaceName) {
  const std::string name = TapName("52:54:00:d5:ab:03");
  EXPECT_EQ(name, "fv525400d5ab03");
  EXPECT_LE(name.size(), 15U);
}

}  // namespace
}  // namespace flatvm::base
