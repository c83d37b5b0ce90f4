// What users read about flatvmctl keeps up with what it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "absl/strings/str_replace.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"
#include "daemon/ctl/command_line.h"
#include "flatvm/v1/types.pb.h"

namespace flatvm::ctl {
namespace {

using testing::HasSubstr;

std::string ReadSource(const std::string& path) {
  const auto text = base::ReadFile(base::StrCat(FLATVM_SOURCE_DIR, "/", path), 1U << 20U);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

std::set<std::string> LongOptions() {
  std::set<std::string> options;
  for (const std::vector<std::string>& command : {std::vector<std::string>{"--help"},
                                                  {"tenant", "add", "--help"},
                                                  {"tenant", "set", "--help"},
                                                  {"tenant", "remove", "--help"},
                                                  {"tenant", "list", "--help"},
                                                  {"tenant", "show", "--help"},
                                                  {"tenant", "network", "add", "--help"},
                                                  {"tenant", "network", "remove", "--help"},
                                                  {"tenant", "network", "list", "--help"},
                                                  {"list", "--help"},
                                                  {"show", "--help"},
                                                  {"destroy", "--help"},
                                                  {"image", "add", "--help"},
                                                  {"image", "list", "--help"},
                                                  {"image", "remove", "--help"},
                                                  {"image", "verify", "--help"},
                                                  {"check", "--help"}}) {
    const auto parsed = ParseCommandLine(command);
    EXPECT_TRUE(parsed.ok());
    const std::string help = std::get<PrintAndExit>(*parsed).text;
    const std::regex option("--[a-z][a-z-]*");
    for (std::sregex_iterator it(help.begin(), help.end(), option), end; it != end; ++it) {
      options.insert(it->str());
    }
  }
  return options;
}

TEST(ExitCodesDocument, ListsEveryReasonOfTheProtocol) {
  const std::string document = ReadSource("daemon/docs/exit-codes.md");
  const auto* reasons = v1::Reason_descriptor();
  ASSERT_GT(reasons->value_count(), 30);
  for (int i = 0; i < reasons->value_count(); ++i) {
    EXPECT_THAT(document, HasSubstr(base::StrCat("\n| `", reasons->value(i)->name(), "` | ")));
  }
}

TEST(ExitCodesDocument, ListsEveryExitCodeWithItsCode) {
  const std::string document = ReadSource("daemon/docs/exit-codes.md");
  constexpr int kLastCode = 16;
  for (int code = 0; code <= kLastCode; ++code) {
    const int exit_code = base::ExitCodeFor(code);
    const std::string name = base::CodeName(code);
    // OUT_OF_RANGE and UNAUTHENTICATED are never sent; 1 stands for all that is not listed.
    if (exit_code == 1 || name == "OUT_OF_RANGE" || name == "UNAUTHENTICATED") continue;
    EXPECT_THAT(document, HasSubstr(base::StrCat("\n| ", exit_code, " | `", name, "` | ")));
  }
}

TEST(ManPage, MentionsEveryOption) {
  const std::string page =
      absl::StrReplaceAll(ReadSource("daemon/ctl/flatvmctl.8"), {{"\\-", "-"}});
  EXPECT_GT(LongOptions().size(), 20U);
  for (const std::string& option : LongOptions()) EXPECT_THAT(page, HasSubstr(option));
}

TEST(BashCompletion, KnowsEveryOption) {
  const std::string script = ReadSource("daemon/ctl/flatvmctl.bash");
  for (const std::string& option : LongOptions()) EXPECT_THAT(script, HasSubstr(option));
}

// What completion offers for `line`, whose last word is being typed.
std::string Complete(const std::string& line, const std::string& cur) {
  const auto result =
      base::RunProgram({"/bin/bash", "--norc", "-c",
                        base::StrCat("set -u; . \"$0\"; COMP_WORDS=(flatvmctl ", line, " '", cur,
                                     "'); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _flatvmctl; "
                                     "echo ${COMPREPLY[@]+\"${COMPREPLY[@]}\"}"),
                        base::StrCat(FLATVM_SOURCE_DIR, "/daemon/ctl/flatvmctl.bash")},
                       std::chrono::milliseconds(30'000));
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->output : "";
}

TEST(BashCompletion, OffersWhatFits) {
  if (!base::ReadFile("/bin/bash", size_t{1} << 25U).ok()) GTEST_SKIP() << "there is no /bin/bash";
  EXPECT_EQ(Complete("", "te"), "tenant\n");
  EXPECT_EQ(Complete("", "--v"), "--version\n");
  EXPECT_EQ(Complete("tenant", ""),
            "add set remove list show network --json --socket --timeout --help\n");
  EXPECT_EQ(Complete("tenant network", ""), "add remove list --json --socket --timeout --help\n");
  EXPECT_EQ(Complete("tenant network add acme storage", "--n"), "--network\n");
  EXPECT_EQ(Complete("tenant network add acme storage --network", ""), "nat isolated bridge\n");
  EXPECT_EQ(Complete("tenant network add acme lan", "--b"), "--bridge\n");
  EXPECT_EQ(Complete("tenant network remove acme", "--v"), "--validate-only\n");
  EXPECT_EQ(Complete("--socket /tenant tenant add acme", "--m"), "--memory\n");
  EXPECT_EQ(Complete("tenant remove acme", "--d"), "--destroy-secondaries --delete-volumes\n");
  EXPECT_EQ(Complete("volume", "l"), "list\n");
  EXPECT_EQ(Complete("volume list", "--t"), "--tenant --timeout\n");
  EXPECT_EQ(Complete("tenant add acme --memory", ""), "\n");
  EXPECT_EQ(Complete("", "im"), "image\n");
  EXPECT_EQ(Complete("image", "a"), "add\n");
  EXPECT_EQ(Complete("image list", "--o"), "--own\n");
  EXPECT_EQ(Complete("image add tiny", "--c"), "--cmdline --catalog --config\n");
  EXPECT_EQ(Complete("image add tiny --format", "q"), "qcow2\n");
  EXPECT_EQ(Complete("image add tiny --kernel", "/etc/hostn"), "/etc/hostname\n");
  EXPECT_EQ(Complete("image add tiny --disk", "/etc/hostn"), "/etc/hostname\n");
  EXPECT_EQ(Complete("image remove tiny", "--f"), "--force\n");
  EXPECT_EQ(Complete("tenant set acme", "--f"), "--forward --force\n");
  EXPECT_EQ(Complete("tenant set acme --cpus 2-5", "--ca"), "--carve\n");
  EXPECT_EQ(Complete("tenant add acme --carve", ""), "reserved balloon\n");
  EXPECT_EQ(Complete("tenant set acme --network", ""), "nat isolated via-primary\n");
  EXPECT_EQ(Complete("tenant set acme --forward", ""), "none\n");
  EXPECT_EQ(Complete("tenant set acme --read-bps", "n"), "none\n");
  EXPECT_EQ(Complete("tenant set acme --vm-net-in-bps", "n"), "none\n");
  EXPECT_EQ(Complete("tenant set acme --cpus", ""), "all\n");
  EXPECT_EQ(Complete("destroy acme/web", "--v"), "--validate-only\n");
  EXPECT_EQ(Complete("", "ch"), "check\n");
  EXPECT_EQ(Complete("check", "--c"), "--config\n");
}

}  // namespace
}  // namespace flatvm::ctl
