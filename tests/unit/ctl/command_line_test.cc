#include "daemon/ctl/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::ctl {
namespace {

using base::GetErrorInfo;
using base::Reason;

constexpr const char* kId = "0123abcd-4567-489a-bcde-f0123456789a";

std::vector<std::string> Split(const std::string& line) {
  return absl::StrSplit(line, ' ', absl::SkipEmpty());
}

Invocation MustParse(const std::string& line) {
  auto parsed = ParseCommandLine(Split(line));
  EXPECT_TRUE(parsed.ok()) << line << ": " << parsed.status();
  if (!parsed.ok() || !std::holds_alternative<Invocation>(*parsed)) return {};
  return std::get<Invocation>(*std::move(parsed));
}

TEST(ParseCommandLine, TenantAdd) {
  const Invocation invocation = MustParse(
      "tenant add acme --primary acme-primary --memory 4GiB --vcpus 4 --vms 8 --disk 20GiB");
  const auto& request = std::get<v1::CreateTenantRequest>(invocation.command);
  EXPECT_EQ(request.name(), "acme");
  EXPECT_EQ(request.primary(), "acme-primary");
  EXPECT_EQ(request.limits().memory_mib(), 4096U);
  EXPECT_EQ(request.limits().vcpus(), 4U);
  EXPECT_EQ(request.limits().vms(), 8U);
  EXPECT_EQ(request.limits().disk_mib(), 20480U);
  EXPECT_FALSE(request.restart_primary());
  EXPECT_FALSE(request.validate_only());
  EXPECT_EQ(invocation.socket_path, "/run/flatvm/admin.sock");
  EXPECT_EQ(invocation.timeout, std::chrono::seconds(90));
  EXPECT_EQ(invocation.format, OutputFormat::kText);
}

TEST(ParseCommandLine, FlagsOfChanges) {
  const auto add = std::get<v1::CreateTenantRequest>(
      MustParse("tenant add a --primary p --memory 1GiB --vcpus 1 --vms 1 --disk 0MiB --restart "
                "--validate-only")
          .command);
  EXPECT_TRUE(add.restart_primary());
  EXPECT_TRUE(add.validate_only());
  const auto remove = std::get<v1::RemoveTenantRequest>(
      MustParse("tenant remove a --destroy-secondaries --restart --validate-only").command);
  EXPECT_EQ(remove.name(), "a");
  EXPECT_TRUE(remove.destroy_secondaries());
  EXPECT_TRUE(remove.restart_primary());
  EXPECT_TRUE(remove.validate_only());
  const auto plain = std::get<v1::RemoveTenantRequest>(MustParse("tenant remove a").command);
  EXPECT_FALSE(plain.destroy_secondaries());
  EXPECT_FALSE(plain.restart_primary());
}

TEST(ParseCommandLine, ReadsOfTenantsAndVms) {
  EXPECT_TRUE(std::holds_alternative<v1::ListTenantsRequest>(MustParse("tenant list").command));
  EXPECT_EQ(std::get<v1::ShowTenantRequest>(MustParse("tenant show list").command).name(), "list");
  EXPECT_EQ(std::get<v1::ListAllVmsRequest>(MustParse("list").command).tenant(), "");
  EXPECT_EQ(std::get<v1::ListAllVmsRequest>(MustParse("list --tenant acme").command).tenant(),
            "acme");
  const auto show = std::get<v1::ShowAnyVmRequest>(MustParse("show acme/web").command);
  EXPECT_EQ(show.tenant(), "acme");
  EXPECT_EQ(show.vm(), "web");
}

TEST(ParseCommandLine, DestroysSeveral) {
  const auto destroy = std::get<DestroyVms>(
      MustParse(base::StrCat("destroy web ", kId, " acme/list --tenant acme --validate-only"))
          .command);
  ASSERT_EQ(destroy.requests.size(), 3U);
  EXPECT_EQ(destroy.requests[0].vm(), "web");
  EXPECT_EQ(destroy.requests[1].vm(), kId);
  EXPECT_EQ(destroy.requests[2].vm(), "list");
  for (const auto& request : destroy.requests) {
    EXPECT_EQ(request.tenant(), "acme");
    EXPECT_TRUE(request.validate_only());
  }
}

TEST(ParseCommandLine, GlobalOptionsStandAnywhere) {
  for (const char* line : {"--json --socket /tmp/s --timeout 5s tenant list",
                           "tenant --json list --socket /tmp/s --timeout 5s",
                           "tenant list --socket=/tmp/s --timeout=5s --json"}) {
    const Invocation invocation = MustParse(line);
    EXPECT_EQ(invocation.format, OutputFormat::kJson) << line;
    EXPECT_EQ(invocation.socket_path, "/tmp/s") << line;
    EXPECT_EQ(invocation.timeout, std::chrono::seconds(5)) << line;
  }
}

TEST(ParseCommandLine, RefusesBadUsage) {
  const std::string add = "tenant add a --primary p --memory 1GiB --vcpus 1 --vms 1 ";
  const struct {
    std::string line;
    Reason reason;
    const char* field;
  } kTable[] = {
      {"", Reason::kFieldMissing, ""},
      {"tenant", Reason::kFieldMissing, ""},
      {"frobnicate", Reason::kFieldMalformed, ""},
      {"list --frobnicate", Reason::kFieldMalformed, ""},
      {"list extra", Reason::kFieldMalformed, ""},
      {"list tenant list", Reason::kFieldMalformed, ""},
      {"tenant add", Reason::kFieldMissing, ""},
      {add, Reason::kFieldMissing, ""},
      {add + "--disk", Reason::kFieldMalformed, ""},
      {add + "--disk 20", Reason::kFieldMalformed, "--disk"},
      {add + "--disk 20GB", Reason::kFieldMalformed, "--disk"},
      {add + "--disk 4096TiB", Reason::kFieldOutOfRange, "--disk"},
      {"tenant add a --primary p --memory 1 --vcpus 1 --vms 1 --disk 1GiB", Reason::kFieldMalformed,
       "--memory"},
      {"tenant add a --primary p --memory 1GiB --vcpus 0x4 --vms 1 --disk 1GiB",
       Reason::kFieldMalformed, "--vcpus"},
      {"tenant add a --primary p --memory 1GiB --vcpus 1 --vms -1 --disk 1GiB",
       Reason::kFieldMalformed, "--vms"},
      {"tenant add a --primary p --memory 1GiB --vcpus 4294967296 --vms 1 --disk 1GiB",
       Reason::kFieldOutOfRange, "--vcpus"},
      {"show", Reason::kFieldMissing, ""},
      {"show web", Reason::kFieldMissing, "VM"},
      {"destroy", Reason::kFieldMissing, ""},
      {"destroy acme/web db", Reason::kFieldMissing, "VM"},
      {"list --timeout 5", Reason::kFieldMalformed, "--timeout"},
      {"list --timeout 0s", Reason::kFieldOutOfRange, "--timeout"},
  };
  for (const auto& row : kTable) {
    const auto parsed = ParseCommandLine(Split(row.line));
    ASSERT_FALSE(parsed.ok()) << row.line;
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << row.line;
    EXPECT_EQ(GetErrorInfo(parsed.status()).reason, row.reason) << row.line;
    EXPECT_EQ(GetErrorInfo(parsed.status()).field, row.field) << row.line;
  }
}

TEST(ParseCommandLine, HelpAndVersionArePrinted) {
  for (const char* line : {"--help", "-h", "tenant --help", "tenant add --help", "destroy -h"}) {
    const auto parsed = ParseCommandLine(Split(line));
    ASSERT_TRUE(parsed.ok()) << line;
    EXPECT_THAT(std::get<PrintAndExit>(*parsed).text, testing::HasSubstr("Usage:")) << line;
  }
  const auto help = ParseCommandLine({"--help"});
  EXPECT_THAT(std::get<PrintAndExit>(*help).text,
              testing::AllOf(testing::HasSubstr("Examples:"), testing::HasSubstr("Exit codes:")));
  const auto version = ParseCommandLine({"--version"});
  EXPECT_THAT(std::get<PrintAndExit>(*version).text, testing::MatchesRegex("flatvmctl [0-9.]+\n"));
}

TEST(ParseVmReference, TakesIdsPathsAndNames) {
  const struct {
    const char* word;
    const char* option;
    const char* tenant;
    const char* vm;
  } kTable[] = {{kId, "", "", kId},
                {kId, "acme", "acme", kId},
                {"web", "acme", "acme", "web"},
                {"acme/web", "", "acme", "web"},
                {"acme/web", "acme", "acme", "web"}};
  for (const auto& row : kTable) {
    const auto reference = ParseVmReference(row.word, row.option);
    ASSERT_TRUE(reference.ok()) << row.word;
    EXPECT_EQ(reference->tenant, row.tenant) << row.word;
    EXPECT_EQ(reference->vm, row.vm) << row.word;
  }
}

TEST(ParseVmReference, RefusesAllElse) {
  for (const char* word : {"web", "", "/", "acme/", "/web", "a/b/c", "a//b"}) {
    EXPECT_EQ(GetErrorInfo(ParseVmReference(word, "").status()).field, "VM") << word;
  }
  EXPECT_FALSE(ParseVmReference("globex/web", "acme").ok());
}

}  // namespace
}  // namespace flatvm::ctl
