// Words: what is asked of the host, and what is refused before it is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "guestlib/cli/command_line.h"
#include "tests/unit/guestlib/cli_host.h"

namespace flatvm::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using Args = std::vector<std::string>;

const Args kCreate = {"create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1"};

Args With(Args args, const Args& more) {
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

TEST(FlatvmWords, CreateBecomesASpec) {
  FakeHost host;
  const Done done =
      RunFlatvm(With(kCreate, {"--disk", "2GiB", "--request-id", "r-1", "--validate-only"}), host);
  EXPECT_EQ(done.code, 0) << done.err;
  ASSERT_THAT(host.created, SizeIs(1));
  EXPECT_EQ(
      host.created[0].first,
      (VmSpec{.name = "web", .image = "tiny", .memory_mib = 192, .vcpus = 1, .disk_mib = 2048}));
  EXPECT_EQ(host.created[0].second.request_id, "r-1");
  EXPECT_TRUE(host.created[0].second.validate_only);
}

TEST(FlatvmWords, AVmMayBootFromAVolumeAndHaveMore) {
  FakeHost host;
  const Done done = RunFlatvm({"create", "--data-volume", "logs", "web", "--volume", "root",
                               "--memory", "1GiB", "--vcpus", "1", "--data-volume", "data"},
                              host);
  EXPECT_EQ(done.code, 0) << done.err;
  ASSERT_THAT(host.created, SizeIs(1));
  EXPECT_EQ(host.created[0].first, (VmSpec{.name = "web",
                                           .memory_mib = 1024,
                                           .vcpus = 1,
                                           .volume = "root",
                                           .data_volumes = {"logs", "data"}}));
  EXPECT_EQ(RunFlatvm(With(kCreate, {"--data-volume", "data"}), host).code, 0);
  EXPECT_EQ(host.created[1].first.image, "tiny");
  EXPECT_THAT(host.created[1].first.data_volumes, testing::ElementsAre("data"));
}

TEST(FlatvmWords, AVmMayBeOnThreeNetworksMore) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"create", "--network", "storage", "web", "--image", "tiny", "--memory",
                       "1GiB", "--vcpus", "1", "--network", "backup"},
                      host)
                .code,
            0);
  EXPECT_THAT(host.created.at(0).first.networks, testing::ElementsAre("storage", "backup"));
  EXPECT_EQ(host.created.at(0).first.name, "web");
  const Args four =
      With(kCreate, {"--network", "a", "--network", "b", "--network", "c", "--network", "d"});
  const Done done = RunFlatvm(four, host);
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(done.err, "flatvm: --network: at most 3 (INVALID_ARGUMENT/FIELD_OUT_OF_RANGE)\n");
  EXPECT_THAT(host.created, SizeIs(1));
}

TEST(FlatvmWords, AVmMayBeMadeOfAnImageOnTheQuotaDisk) {
  FakeHost host;
  const Done done = RunFlatvm(
      {"create", "web", "--from-disk", "images/web.raw", "--memory", "1GiB", "--vcpus", "1"}, host);
  EXPECT_EQ(done.code, 0) << done.err;
  ASSERT_THAT(host.created, SizeIs(1));
  EXPECT_EQ(
      host.created[0].first,
      (VmSpec{.name = "web", .memory_mib = 1024, .vcpus = 1, .from_quota_disk = "images/web.raw"}));
  const Args base = {"create", "web", "--memory", "1GiB", "--vcpus", "1"};
  for (const Args& more : {Args{"--from-disk", "x", "--image", "tiny"},
                           Args{"--from-disk", "x", "--volume", "data"}, Args{"--from-disk", ""}}) {
    const Done refused = RunFlatvm(With(base, more), host);
    EXPECT_EQ(refused.code, 2);
    EXPECT_THAT(refused.err, HasSubstr("--from-disk"));
  }
  EXPECT_THAT(host.created, SizeIs(1));
}

TEST(FlatvmWords, AnImageGoesBackWhereThatIsAskedFor) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"destroy", "web", "--return-disk"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"destroy", "web"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"volume", "delete", "web", "--return-disk"}, host).out,
            "returned web (5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n");
  EXPECT_TRUE(host.destroyed.at(0).second.return_disk);
  EXPECT_FALSE(host.destroyed.at(1).second.return_disk);
  EXPECT_TRUE(host.volume_changes.at(0).second.return_disk);
}

TEST(FlatvmWords, AVmHasAtMostEightDataVolumes) {
  Args args = kCreate;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
    args.insert(args.end(), {"--data-volume", name});
  }
  FakeHost host;
  EXPECT_EQ(RunFlatvm(args, host).code, 0);
  EXPECT_THAT(host.created.at(0).first.data_volumes, SizeIs(8));
  const Done done = RunFlatvm(With(args, {"--data-volume", "i"}), host);
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(done.err, "flatvm: --data-volume: at most 8 (INVALID_ARGUMENT/FIELD_OUT_OF_RANGE)\n");
  EXPECT_THAT(host.created, SizeIs(1));
}

TEST(FlatvmWords, DefaultsAreTheHosts) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm(kCreate, host).code, 0);
  ASSERT_THAT(host.created, SizeIs(1));
  EXPECT_EQ(host.created[0].first.disk_mib, 0U);
  EXPECT_EQ(host.created[0].second.request_id, "");
  EXPECT_FALSE(host.created[0].second.validate_only);
  ASSERT_TRUE(host.options.has_value());
  EXPECT_EQ(host.options->port, 710U);
  EXPECT_EQ(host.options->cid, 2U);
  EXPECT_EQ(host.options->source_port, SourcePort::kPrivileged);
  EXPECT_EQ(host.options->call_timeout, std::chrono::seconds(90));
}

TEST(FlatvmWords, OptionsMayStandAnywhere) {
  for (const Args& args : {Args{"--timeout", "1500ms", "--port", "4711", "--json", "list"},
                           Args{"list", "--json", "--port=4711", "--timeout=1500ms"}}) {
    FakeHost host;
    const Done done = RunFlatvm(args, host);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_THAT(done.out, StartsWith("{"));
    EXPECT_EQ(host.options->call_timeout, std::chrono::milliseconds(1500));
    EXPECT_EQ(host.options->port, 4711U);
  }
}

TEST(FlatvmWords, WhatTheHostMustJudgeReachesIt) {
  const struct {
    const char* option;
    const char* value;
  } kCases[] = {{"--memory", "31MiB"}, {"--memory", "5TiB"},    {"--vcpus", "0"},
                {"--vcpus", "513"},    {"--disk", "65TiB"},     {"--image", "../../etc"},
                {"--image", ""},       {"--disk", "1048576KiB"}};
  for (const auto& test : kCases) {
    FakeHost host;
    Args args = {"create", "a'/><b"};
    for (const auto& [option, value] :
         {std::pair("--image", "tiny"), std::pair("--memory", "1GiB"), std::pair("--vcpus", "1")}) {
      if (std::string(option) != test.option) args.insert(args.end(), {option, value});
    }
    args.insert(args.end(), {test.option, test.value});
    EXPECT_EQ(RunFlatvm(args, host).code, 0) << test.option << " " << test.value;
    EXPECT_THAT(host.created, SizeIs(1));
    EXPECT_EQ(host.created[0].first.name, "a'/><b");
  }
}

TEST(FlatvmWords, AVmMayBeCalledLikeACommand) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"show", "list"}, host).code, 0);
  EXPECT_THAT(host.shown, testing::ElementsAre("list"));
  EXPECT_EQ(RunFlatvm({"destroy", "show", "tenant"}, host).code, 0);
  ASSERT_THAT(host.destroyed, SizeIs(2));
  EXPECT_EQ(host.destroyed[1].first, "tenant");
}

TEST(FlatvmWords, BadOnesAreUsageErrorsThatNameTheOption) {
  const struct {
    Args args;
    const char* reason;
    const char* text;
  } kCases[] = {
      {{}, "FIELD_MISSING", "a command is required; see flatvm --help"},
      {{""}, "FIELD_MALFORMED", "there is no command"},
      {{"frobnicate"}, "FIELD_MALFORMED", "\"frobnicate\""},
      {{"--wait", "list"}, "FIELD_MALFORMED", "--wait"},
      {{"create", "--image", "tiny", "--memory", "1GiB", "--vcpus", "1"}, "FIELD_MISSING", "NAME"},
      {{"create", "web", "--memory", "1GiB", "--vcpus", "1"},
       "FIELD_MISSING",
       "--image, --volume or --from-disk is required"},
      {With(kCreate, {"--volume", "root"}), "FIELD_MALFORMED",
       "--image, --volume and --from-disk exclude each other"},
      {With(kCreate, {"--volume", ""}), "FIELD_MALFORMED", "exclude each other"},
      {With(kCreate, {"--data-volume"}), "FIELD_MALFORMED", "--data-volume"},
      {{"create", "web", "--image", "tiny", "--vcpus", "1"}, "FIELD_MISSING", "--memory"},
      {{"create", "web", "--image", "tiny", "--memory", "1GiB"}, "FIELD_MISSING", "--vcpus"},
      {{"create", "x", "--image", "i", "--memory", "192", "--vcpus", "1"},
       "FIELD_MALFORMED",
       "--memory: must be a whole number and one of KiB, MiB, GiB or TiB, such as"},
      {{"create", "x", "--image", "i", "--memory", "lots", "--vcpus", "1"},
       "FIELD_MALFORMED",
       "--memory: "},
      {{"create", "x", "--image", "i", "--memory", "", "--vcpus", "1"},
       "FIELD_MALFORMED",
       "--memory"},
      {{"create", "x", "--image", "i", "--memory", "1MB", "--vcpus", "1"},
       "FIELD_MALFORMED",
       "--memory: "},
      {{"create", "x", "--image", "i", "--memory", "5000TiB", "--vcpus", "1"},
       "FIELD_OUT_OF_RANGE",
       "--memory: "},
      {{"create", "x", "--image", "i", "--memory", "1GiB", "--vcpus", "-1"},
       "FIELD_MALFORMED",
       "--vcpus"},
      {{"create", "x", "--image", "i", "--memory", "1GiB", "--vcpus", "1.5"},
       "FIELD_MALFORMED",
       "--vcpus: must be a whole number"},
      {{"create", "x", "--image", "i", "--memory", "1GiB", "--vcpus", "0x2"},
       "FIELD_MALFORMED",
       "--vcpus: "},
      {{"create", "x", "--image", "i", "--memory", "1GiB", "--vcpus", "4294967296"},
       "FIELD_OUT_OF_RANGE",
       "--vcpus: is too large"},
      {With(kCreate, {"--disk", "2G"}), "FIELD_MALFORMED", "--disk: "},
      {With(kCreate, {"--memory", "1GiB"}), "FIELD_MALFORMED", "--memory"},
      {With(kCreate, {"--disk"}), "FIELD_MALFORMED", "--disk"},
      {With(kCreate, {"second"}), "FIELD_MALFORMED", "second"},
      {With(kCreate, {"--wait"}), "FIELD_MALFORMED", "--wait"},
      {{"destroy"}, "FIELD_MISSING", "VM"},
      {{"show"}, "FIELD_MISSING", "VM"},
      {{"show", "a", "b"}, "FIELD_MALFORMED", "b"},
      {{"list", "web"}, "FIELD_MALFORMED", "web"},
      {{"list", "--timeout", "30"}, "FIELD_MALFORMED", "--timeout: must be a whole number and one"},
      {{"list", "--timeout", "0s"}, "FIELD_OUT_OF_RANGE", "--timeout: must not be 0"},
      {{"list", "--timeout", "1441min"}, "FIELD_OUT_OF_RANGE", "--timeout: "},
      {{"list", "--port", "all"}, "FIELD_MALFORMED", "--port: "},
      {{"list", "--port", "4294967295"}, "FIELD_OUT_OF_RANGE", "--port: "},
  };
  for (const auto& test : kCases) {
    FakeHost host;
    const Done done = RunFlatvm(test.args, host);
    const std::string shown = testing::PrintToString(test.args) + " said " + done.err;
    EXPECT_EQ(done.code, 2) << shown;
    EXPECT_THAT(done.out, IsEmpty()) << shown;
    EXPECT_THAT(done.err, StartsWith("flatvm: ")) << shown;
    EXPECT_THAT(done.err, HasSubstr(test.text)) << shown;
    EXPECT_THAT(done.err, HasSubstr(std::string("(INVALID_ARGUMENT/") + test.reason)) << shown;
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << shown;
    EXPECT_FALSE(host.options.has_value()) << "asked the host: " << shown;
  }
}

TEST(FlatvmWords, UsageErrorsAreJsonWhenAskedFor) {
  FakeHost host;
  const Done done = RunFlatvm(
      {"create", "x", "--image", "i", "--memory", "lots\x1b[2J", "--vcpus", "1", "--json"}, host);
  EXPECT_EQ(done.code, 2);
  EXPECT_THAT(done.err, StartsWith(R"({"error":{"code":"INVALID_ARGUMENT","reason":)"
                                   R"("FIELD_MALFORMED","message":"--memory: must be)"));
  EXPECT_THAT(done.err, HasSubstr(R"("field":"--memory"}})"));
}

TEST(FlatvmWords, HelpSaysAllAndVersionIsOneLine) {
  FakeHost host;
  for (const Args& args : {Args{"--help"}, Args{"-h"}}) {
    const Done help = RunFlatvm(args, host);
    EXPECT_EQ(help.code, 0);
    for (const char* text : {"create", "destroy", "show", "list", "tenant", "volume",
                             "Examples:", "Exit codes:", "--timeout", "--json", "192MiB"}) {
      EXPECT_THAT(help.out, HasSubstr(text));
    }
    EXPECT_THAT(help.out, Not(HasSubstr("--port")));
  }
  const Done create = RunFlatvm({"create", "--help"}, host);
  EXPECT_EQ(create.code, 0);
  for (const char* text :
       {"--image", "--memory", "--vcpus", "--disk", "--request-id", "--validate-only"}) {
    EXPECT_THAT(create.out, HasSubstr(text));
  }
  const Done version = RunFlatvm({"--version"}, host);
  EXPECT_EQ(version.code, 0);
  EXPECT_THAT(version.out, testing::MatchesRegex("flatvm [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  EXPECT_FALSE(host.options.has_value());
}

}  // namespace
}  // namespace flatvm::cli
