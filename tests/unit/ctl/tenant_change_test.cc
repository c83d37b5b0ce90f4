// Words of `tenant set`, and of `tenant add` where the two share them, to requests.
#include "daemon/ctl/tenant_change.h"

#include <gtest/gtest.h>

#include <variant>

#include "absl/strings/str_split.h"
#include "daemon/base/error.h"
#include "daemon/ctl/command_line.h"

namespace flatvm::ctl {
namespace {

using base::GetErrorInfo;
using base::Reason;

constexpr const char* kAddWords =
    "tenant add acme --primary p --memory 4GiB --vcpus 4 --vms 8 --disk 20GiB ";

absl::StatusOr<Command> ParseCommand(const std::string& line) {
  const std::vector<std::string> args = absl::StrSplit(line, ' ', absl::SkipEmpty());
  FLATVM_ASSIGN_OR_RETURN(const auto parsed, ParseCommandLine(args));
  return std::get<Invocation>(parsed).command;
}

TenantChange MustParseChange(const std::string& words) {
  const auto command = ParseCommand("tenant set acme " + words);
  EXPECT_TRUE(command.ok()) << words << ": " << command.status();
  return command.ok() ? std::get<TenantChange>(*command) : TenantChange();
}

v1::CreateTenantRequest MustParseAdd(const std::string& words) {
  const auto command = ParseCommand(kAddWords + words);
  EXPECT_TRUE(command.ok()) << words << ": " << command.status();
  return command.ok() ? std::get<v1::CreateTenantRequest>(*command) : v1::CreateTenantRequest();
}

// A tenant whose limits of I/O are 1, 2, 3 and 4, and which is carved with a minimum of 512 MiB.
v1::Tenant CarvedTenant() {
  v1::Tenant tenant;
  tenant.mutable_io()->set_read_bytes(1);
  tenant.mutable_io()->set_write_bytes(2);
  tenant.mutable_io()->set_read_operations(3);
  tenant.mutable_io()->set_write_operations(4);
  tenant.mutable_carve()->set_mode(v1::CARVE_BALLOON);
  tenant.mutable_carve()->set_primary_min_memory_mib(512);
  return tenant;
}

TEST(TenantSet, NamesOnlyWhatIsToBeChanged) {
  const TenantChange change = MustParseChange("--vcpus 2");
  EXPECT_FALSE(NeedsTenant(change));
  const auto request = BuildUpdate(change, v1::Tenant());
  ASSERT_TRUE(request.ok());
  v1::UpdateTenantRequest expected;
  expected.set_name("acme");
  expected.mutable_limits()->set_vcpus(2);
  EXPECT_EQ(request->SerializeAsString(), expected.SerializeAsString());
}

TEST(TenantSet, TakesEveryLimit) {
  const TenantChange change = MustParseChange(
      "--memory 2GiB --vcpus 2 --vms 3 --disk 0MiB --cpus 8,2-5 --read-bps 200MiB --write-bps none "
      "--read-iops 1000 --write-iops none --carve balloon --primary-min-memory 512MiB --force "
      "--network nat --forward udp:53=dns:5353 --validate-only --net-out-bps 50MiB "
      "--net-in-bps none --vm-net-out-bps 64KiB --vm-net-in-bps 1GiB");
  EXPECT_FALSE(NeedsTenant(change));
  const auto request = BuildUpdate(change, v1::Tenant());
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->name(), "acme");
  EXPECT_EQ(request->limits().memory_mib(), 2048U);
  EXPECT_EQ(request->limits().vcpus(), 2U);
  EXPECT_EQ(request->limits().vms(), 3U);
  EXPECT_TRUE(request->limits().has_disk_mib());
  EXPECT_EQ(request->limits().disk_mib(), 0U);
  EXPECT_EQ(request->cpus(), "2-5,8");
  EXPECT_EQ(request->io().read_bytes(), uint64_t{200} << 20U);
  EXPECT_EQ(request->io().write_bytes(), 0U);
  EXPECT_EQ(request->io().read_operations(), 1000U);
  EXPECT_EQ(request->io().write_operations(), 0U);
  EXPECT_EQ(request->carve().mode(), v1::CARVE_BALLOON);
  EXPECT_EQ(request->carve().primary_min_memory_mib(), 512U);
  EXPECT_EQ(request->network_mode(), v1::NETWORK_NAT);
  ASSERT_EQ(request->forwards().forwards_size(), 1);
  EXPECT_EQ(request->forwards().forwards(0).protocol(), v1::PROTOCOL_UDP);
  EXPECT_EQ(request->forwards().forwards(0).host_port(), 53U);
  EXPECT_EQ(request->forwards().forwards(0).machine(), "dns");
  EXPECT_EQ(request->forwards().forwards(0).port(), 5353U);
  EXPECT_EQ(request->net().out_bytes(), uint64_t{50} << 20U);
  EXPECT_TRUE(request->net().has_in_bytes());
  EXPECT_EQ(request->net().in_bytes(), 0U);
  EXPECT_EQ(request->net().vm_out_bytes(), uint64_t{64} << 10U);
  EXPECT_EQ(request->net().vm_in_bytes(), uint64_t{1} << 30U);
  EXPECT_TRUE(request->force());
  EXPECT_TRUE(request->validate_only());
  EXPECT_TRUE(request->request_id().empty());
}

TEST(TenantSet, AllCpusIsAChangeToo) {
  const TenantChange change = MustParseChange("--cpus all");
  EXPECT_TRUE(change.request.has_cpus());
  EXPECT_EQ(change.request.cpus(), "");
  EXPECT_FALSE(change.request.has_limits());
  EXPECT_FALSE(MustParseChange("--vms 1").request.has_cpus());
}

TEST(TenantSet, LeavesTheNetworkAloneUnlessItIsNamed) {
  EXPECT_EQ(MustParseChange("--vms 1").request.network_mode(), v1::NETWORK_MODE_UNSPECIFIED);
  EXPECT_EQ(MustParseChange("--network nat").request.network_mode(), v1::NETWORK_NAT);
  EXPECT_FALSE(MustParseChange("--vms 1").request.has_forwards());
  const TenantChange none = MustParseChange("--forward none");
  EXPECT_TRUE(none.request.has_forwards());
  EXPECT_EQ(none.request.forwards().forwards_size(), 0);
}

TEST(TenantSet, LeavesTheCeilingsAloneThatAreNotNamed) {
  EXPECT_FALSE(MustParseChange("--vms 1").request.has_net());
  const TenantChange change = MustParseChange("--vm-net-in-bps none");
  EXPECT_FALSE(NeedsTenant(change)) << "each goes by itself";
  EXPECT_TRUE(change.request.net().has_vm_in_bytes());
  EXPECT_FALSE(change.request.net().has_out_bytes());
  EXPECT_FALSE(change.request.net().has_in_bytes());
  EXPECT_FALSE(change.request.net().has_vm_out_bytes());
}

TEST(TenantSet, KeepsTheLimitsOfIoThatAreNotNamed) {
  const struct {
    const char* words;
    uint64_t read_bytes;
    uint64_t write_bytes;
    uint64_t read_operations;
    uint64_t write_operations;
  } kTable[] = {{"--read-bps 9KiB", 9216, 2, 3, 4},
                {"--write-bps none", 1, 0, 3, 4},
                {"--read-iops 9", 1, 2, 9, 4},
                {"--write-iops none --read-bps none", 0, 2, 3, 0}};
  for (const auto& row : kTable) {
    const TenantChange change = MustParseChange(row.words);
    EXPECT_TRUE(NeedsTenant(change)) << row.words;
    const auto request = BuildUpdate(change, CarvedTenant());
    ASSERT_TRUE(request.ok()) << row.words;
    EXPECT_EQ(request->io().read_bytes(), row.read_bytes) << row.words;
    EXPECT_EQ(request->io().write_bytes(), row.write_bytes) << row.words;
    EXPECT_EQ(request->io().read_operations(), row.read_operations) << row.words;
    EXPECT_EQ(request->io().write_operations(), row.write_operations) << row.words;
    EXPECT_FALSE(request->has_carve()) << row.words;
  }
}

TEST(TenantSet, NoLimitOfIoAtAllIsStillAChange) {
  const auto request = BuildUpdate(MustParseChange("--read-bps none"), v1::Tenant());
  ASSERT_TRUE(request.ok());
  EXPECT_TRUE(request->has_io());
}

TEST(TenantSet, KeepsTheHalfOfCarveThatIsNotNamed) {
  v1::Tenant reserved;
  reserved.mutable_carve()->set_mode(v1::CARVE_RESERVED);
  const struct {
    const char* words;
    v1::Tenant now;
    v1::CarveMode mode;
    uint32_t minimum_mib;
  } kTable[] = {
      {"--carve balloon", CarvedTenant(), v1::CARVE_BALLOON, 512},
      {"--primary-min-memory 1GiB", CarvedTenant(), v1::CARVE_BALLOON, 1024},
      {"--carve reserved", CarvedTenant(), v1::CARVE_RESERVED, 0},
      {"--carve balloon --primary-min-memory 1GiB", CarvedTenant(), v1::CARVE_BALLOON, 1024},
      {"--carve balloon --primary-min-memory 1GiB", reserved, v1::CARVE_BALLOON, 1024},
      {"--carve balloon --primary-min-memory 0MiB", CarvedTenant(), v1::CARVE_BALLOON, 0},
  };
  for (const auto& row : kTable) {
    const auto request = BuildUpdate(MustParseChange(row.words), row.now);
    ASSERT_TRUE(request.ok()) << row.words;
    EXPECT_EQ(request->carve().mode(), row.mode) << row.words;
    EXPECT_EQ(request->carve().primary_min_memory_mib(), row.minimum_mib) << row.words;
    EXPECT_FALSE(request->has_io()) << row.words;
  }
  EXPECT_TRUE(NeedsTenant(MustParseChange("--carve balloon")));
  EXPECT_TRUE(NeedsTenant(MustParseChange("--primary-min-memory 1GiB")));
  EXPECT_FALSE(NeedsTenant(MustParseChange("--carve reserved")));
}

TEST(TenantSet, AMinimumBelongsToBalloon) {
  v1::Tenant reserved;
  reserved.mutable_carve()->set_mode(v1::CARVE_RESERVED);
  for (const v1::Tenant& now : {v1::Tenant(), reserved}) {
    const auto missing = BuildUpdate(MustParseChange("--carve balloon"), now);
    EXPECT_EQ(GetErrorInfo(missing.status()).reason, Reason::kFieldMissing);
    EXPECT_EQ(GetErrorInfo(missing.status()).field, "--primary-min-memory");
    const auto extra = BuildUpdate(MustParseChange("--primary-min-memory 1GiB"), now);
    EXPECT_EQ(GetErrorInfo(extra.status()).reason, Reason::kFieldMalformed);
    EXPECT_EQ(GetErrorInfo(extra.status()).field, "--primary-min-memory");
  }
}

TEST(TenantAdd, HasNoOtherLimitsUnlessTheyAreNamed) {
  const v1::CreateTenantRequest plain = MustParseAdd("");
  EXPECT_EQ(plain.cpus(), "");
  EXPECT_FALSE(plain.has_io());
  EXPECT_FALSE(plain.has_carve());
  EXPECT_EQ(plain.network_mode(), v1::NETWORK_NAT);
  EXPECT_EQ(plain.forwards_size(), 0);
  EXPECT_EQ(MustParseAdd("--forward tcp:8080=web:80,udp:53=dns:53").forwards_size(), 2);
  EXPECT_EQ(plain.net().out_bytes(), 0U);
  EXPECT_EQ(MustParseAdd("--net-in-bps 1MiB").net().in_bytes(), uint64_t{1} << 20U);
  EXPECT_EQ(MustParseAdd("--net-out-bps 2MiB").net().out_bytes(), uint64_t{2} << 20U);
  EXPECT_EQ(MustParseAdd("--vm-net-in-bps 3MiB").net().vm_in_bytes(), uint64_t{3} << 20U);
  EXPECT_EQ(MustParseAdd("--vm-net-out-bps 4MiB").net().vm_out_bytes(), uint64_t{4} << 20U);
  EXPECT_EQ(MustParseAdd("--network via-primary").network_mode(), v1::NETWORK_VIA_PRIMARY);
  const v1::CreateTenantRequest request = MustParseAdd(
      "--cpus 2-5 --write-bps 1MiB --read-iops 7 --carve balloon "
      "--primary-min-memory 1GiB");
  EXPECT_EQ(request.cpus(), "2-5");
  EXPECT_EQ(request.io().read_bytes(), 0U);
  EXPECT_EQ(request.io().write_bytes(), uint64_t{1} << 20U);
  EXPECT_EQ(request.io().read_operations(), 7U);
  EXPECT_EQ(request.io().write_operations(), 0U);
  EXPECT_EQ(request.carve().mode(), v1::CARVE_BALLOON);
  EXPECT_EQ(request.carve().primary_min_memory_mib(), 1024U);
  EXPECT_EQ(MustParseAdd("--carve reserved").carve().mode(), v1::CARVE_RESERVED);
}

TEST(TenantLimitWords, RefusesBadUsage) {
  const std::string set = "tenant set acme ";
  const std::string add = kAddWords;
  const struct {
    std::string line;
    Reason reason;
    const char* field;
  } kTable[] = {
      {"tenant set", Reason::kFieldMissing, ""},
      {"tenant set --memory 1GiB", Reason::kFieldMissing, ""},
      {set, Reason::kFieldMissing, ""},
      {set + "--force", Reason::kFieldMissing, ""},
      {set + "--validate-only --json", Reason::kFieldMissing, ""},
      {set + "--primary p", Reason::kFieldMalformed, ""},
      {set + "--memory 1GiB --restart", Reason::kFieldMalformed, ""},
      {set + "--memory", Reason::kFieldMalformed, ""},
      {set + "--memory 1GiB --memory 2GiB", Reason::kFieldMalformed, ""},
      {set + "--memory 1", Reason::kFieldMalformed, "--memory"},
      {set + "--memory none", Reason::kFieldMalformed, "--memory"},
      {set + "--vcpus -1", Reason::kFieldMalformed, "--vcpus"},
      {set + "--vms 4294967296", Reason::kFieldOutOfRange, "--vms"},
      {set + "--disk 20GB", Reason::kFieldMalformed, "--disk"},
      {set + "--cpus none", Reason::kFieldMalformed, "--cpus"},
      {set + "--read-bps 200", Reason::kFieldMalformed, "--read-bps"},
      {set + "--write-bps 0MiB", Reason::kFieldOutOfRange, "--write-bps"},
      {set + "--read-iops 200MiB", Reason::kFieldMalformed, "--read-iops"},
      {set + "--write-iops 0", Reason::kFieldOutOfRange, "--write-iops"},
      {set + "--carve none", Reason::kFieldMalformed, "--carve"},
      {set + "--carve reserved --primary-min-memory 1GiB", Reason::kFieldMalformed,
       "--primary-min-memory"},
      {set + "--primary-min-memory 1", Reason::kFieldMalformed, "--primary-min-memory"},
      {set + "--forward 8080", Reason::kFieldMalformed, "--forward"},
      {set + "--forward sctp:80=web:80", Reason::kFieldMalformed, "--forward"},
      {set + "--forward tcp:80=web", Reason::kFieldMalformed, "--forward"},
      {set + "--forward tcp:80:web=80", Reason::kFieldMalformed, "--forward"},
      {set + "--forward tcp:80=web:80,", Reason::kFieldMalformed, "--forward"},
      {set + "--forward tcp:http=web:80", Reason::kFieldMalformed, "--forward"},
      {set + "--forward tcp:80=web:4294967296", Reason::kFieldOutOfRange, "--forward"},
      {set + "--network bridged", Reason::kFieldMalformed, "--network"},
      {set + "--net-out-bps 100", Reason::kFieldMalformed, "--net-out-bps"},
      {set + "--net-in-bps 0KiB", Reason::kFieldOutOfRange, "--net-in-bps"},
      {set + "--vm-net-out-bps 1Mbit", Reason::kFieldMalformed, "--vm-net-out-bps"},
      {add + "--vm-net-in-bps -1MiB", Reason::kFieldMalformed, "--vm-net-in-bps"},
      {add + "--network none", Reason::kFieldMalformed, "--network"},
      {add + "--force", Reason::kFieldMalformed, ""},
      {add + "--cpus 5-2", Reason::kFieldMalformed, "--cpus"},
      {add + "--read-bps 1", Reason::kFieldMalformed, "--read-bps"},
      {add + "--carve balloon", Reason::kFieldMissing, "--primary-min-memory"},
      {add + "--primary-min-memory 1GiB", Reason::kFieldMalformed, "--primary-min-memory"},
      {add + "--carve reserved --primary-min-memory 1GiB", Reason::kFieldMalformed,
       "--primary-min-memory"},
  };
  for (const auto& row : kTable) {
    const absl::Status status = ParseCommand(row.line).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << row.line;
    EXPECT_EQ(GetErrorInfo(status).reason, row.reason) << row.line << ": " << status;
    EXPECT_EQ(GetErrorInfo(status).field, row.field) << row.line;
  }
}

TEST(TenantLimitWords, AnEmptyWordIsNotNone) {
  for (const char* option :
       {"--memory", "--vcpus", "--vms", "--disk", "--cpus", "--read-bps", "--write-bps",
        "--read-iops", "--write-iops", "--carve", "--primary-min-memory", "--network", "--forward",
        "--net-out-bps", "--net-in-bps", "--vm-net-out-bps", "--vm-net-in-bps"}) {
    const absl::Status status = ParseCommandLine({"tenant", "set", "acme", option, ""}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << option;
    EXPECT_EQ(GetErrorInfo(status).field, option);
  }
}

}  // namespace
}  // namespace flatvm::ctl
