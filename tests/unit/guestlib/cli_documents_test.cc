// What users read about flatvm keeps up with what it does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "absl/strings/str_replace.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/exit_code.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/subprocess.h"
#include "tests/unit/guestlib/cli_host.h"

namespace flatvm::cli {
namespace {

using testing::HasSubstr;

std::string ReadSource(const std::string& path) {
  const auto text = base::ReadFile(base::StrCat(FLATVM_SOURCE_DIR, "/", path), 1U << 20U);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

base::ProgramResult RunToEnd(const std::vector<std::string>& argv) {
  const auto result = base::RunProgram(argv, std::chrono::milliseconds(30'000));
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : base::ProgramResult{.exit_code = -1};
}

constexpr const char* kVolumeCommands[] = {"create", "clone",  "attach", "detach",
                                           "resize", "delete", "list",   "show"};

constexpr const char* kImageCommands[] = {"import", "remove", "list"};

std::string HelpOfAllCommands() {
  FakeHost host;
  std::string help = RunFlatvm({"--help"}, host).out;
  for (const char* command : {"create", "destroy", "show", "list", "tenant", "volume", "image"}) {
    help += RunFlatvm({command, "--help"}, host).out;
  }
  for (const char* command : kVolumeCommands) {
    help += RunFlatvm({"volume", command, "--help"}, host).out;
  }
  for (const char* command : kImageCommands) {
    help += RunFlatvm({"image", command, "--help"}, host).out;
  }
  return help;
}

std::set<std::string> LongOptions() {
  std::set<std::string> options;
  const std::string help = HelpOfAllCommands();
  const std::regex option("--[a-z][a-z-]*");
  for (std::sregex_iterator it(help.begin(), help.end(), option), end; it != end; ++it) {
    options.insert(it->str());
  }
  return options;
}

TEST(FlatvmManPage, MentionsEveryOptionAndExitCode) {
  const std::string page = absl::StrReplaceAll(ReadSource("guestlib/cli/flatvm.1"), {{"\\-", "-"}});
  EXPECT_GE(LongOptions().size(), 14U);
  for (const std::string& option : LongOptions()) EXPECT_THAT(page, HasSubstr(option));
  for (const char* command : kVolumeCommands) {
    EXPECT_THAT(page, HasSubstr(base::StrCat("\n.B volume ", command, "\n")));
  }
  for (const char* command : kImageCommands) {
    EXPECT_THAT(page, HasSubstr(base::StrCat("\n.B image ", command, "\n")));
  }
  for (int code = 0; code <= 16; ++code) {
    EXPECT_THAT(page, HasSubstr(base::StrCat("\n", base::ExitCodeFor(code), "\t")));
  }
}

TEST(FlatvmBashCompletion, KnowsEveryOption) {
  const std::string script = ReadSource("guestlib/cli/flatvm.bash-completion");
  for (const std::string& option : LongOptions()) EXPECT_THAT(script, HasSubstr(option));
}

// What completion offers for `line`, whose last word is being typed. The host knows web and db.
std::string Complete(const std::string& line, const std::string& cur) {
  return RunToEnd({"/bin/bash", "--norc", "-c",
                   base::StrCat("set -u; . \"$0\"; flatvm() { printf 'NAME  STATE\\nweb  running\\n"
                                "db  running\\n'; }; COMP_WORDS=(flatvm ",
                                line, " '", cur,
                                "'); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _flatvm; "
                                "echo ${COMPREPLY[@]+\"${COMPREPLY[@]}\"}"),
                   base::StrCat(FLATVM_SOURCE_DIR, "/guestlib/cli/flatvm.bash-completion")})
      .output;
}

TEST(FlatvmBashCompletion, OffersWhatFits) {
  if (::access("/bin/bash", X_OK) != 0) GTEST_SKIP() << "there is no /bin/bash";
  EXPECT_EQ(Complete("", "de"), "destroy\n");
  EXPECT_EQ(Complete("", "--v"), "--version\n");
  EXPECT_EQ(Complete("create web", "--m"), "--memory\n");
  EXPECT_EQ(Complete("create web --memory", ""), "\n");
  EXPECT_EQ(Complete("--timeout list destroy", "w"), "web\n");
  EXPECT_EQ(Complete("destroy web", ""), "web db\n");
  EXPECT_EQ(Complete("destroy web", "--r"), "--return-disk\n");
  EXPECT_EQ(Complete("create web", "--f"), "--from-disk\n");
  EXPECT_EQ(Complete("create web", "--n"), "--network\n");
  EXPECT_EQ(Complete("create web --network a", "--d"), "--data-volume --disk\n");
  EXPECT_EQ(Complete("volume delete web", "--r"), "--return-disk\n");
  EXPECT_EQ(Complete("show", "--j"), "--json\n");
  EXPECT_EQ(Complete("list", ""), "--json --timeout --help\n");
  EXPECT_EQ(Complete("volume", "at"), "attach\n");
  EXPECT_EQ(Complete("volume --json attach", "d"), "db\n");
  EXPECT_EQ(Complete("volume detach", "--f"), "--force\n");
  EXPECT_EQ(Complete("image", "im"), "import\n");
  EXPECT_EQ(Complete("image import x --format", "q"), "qcow2\n");
  EXPECT_EQ(Complete("image import", "/etc/hostn"), "/etc/hostname\n");
  EXPECT_EQ(Complete("image remove", "d"), "db\n");
  EXPECT_EQ(Complete("create web --image", "d"), "db\n");
  EXPECT_EQ(Complete("volume create", ""),
            "--size --from-disk --request-id --validate-only --json --timeout --help\n");
  EXPECT_EQ(Complete("volume delete web", ""), "web db\n");
  EXPECT_EQ(Complete("create web --data-volume", "w"), "web\n");
  EXPECT_EQ(Complete("create --volume volume", "--si"), "\n");
}

TEST(FlatvmProgram, EndsAsItSays) {
  EXPECT_EQ(RunToEnd({FLATVM_PROGRAM, "--version"}).exit_code, 0);
  EXPECT_EQ(RunToEnd({FLATVM_PROGRAM}).exit_code, 2);
  const base::ProgramResult unreachable =
      RunToEnd({FLATVM_PROGRAM, "--port", "4294967280", "--timeout", "300ms", "tenant", "--json"});
  EXPECT_TRUE(unreachable.exit_code == 7 || unreachable.exit_code == 8) << unreachable.output;
  EXPECT_THAT(unreachable.output, testing::StartsWith(R"({"error":{"code":")"));
}

TEST(FlatvmProgram, FailsWhenItsOutputIsLost) {
  for (const char* command : {"\"$0\" --help > /dev/full", "\"$0\" --help >&-"}) {
    EXPECT_EQ(RunToEnd({"/bin/bash", "-c", command, FLATVM_PROGRAM}).exit_code, 1) << command;
  }
}

}  // namespace
}  // namespace flatvm::cli
