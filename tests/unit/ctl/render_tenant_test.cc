#include "daemon/ctl/render_tenant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/ctl/render_json.h"
#include "tests/unit/ctl/samples.h"

namespace flatvm::ctl {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr const char* kSampleLimits =
    "AMOUNT  LIMIT  USED     LEFT\n"
    "memory  4GiB   1408MiB  2688MiB\n"
    "vcpus   4      3        1\n"
    "vms     8      1        7\n"
    "disk    20GiB  1GiB     19GiB\n"
    "\n"
    "cpus:        2-5,8\n"
    "read:        200MiB/s, 1000 iops\n"
    "write:       no limit\n"
    "carve:       balloon, the primary keeps at least 512MiB\n"
    "way out:     via-primary\n"
    "forwards:    tcp:8443=primary:443,udp:53=primary:5353\n"
    "net out:     50MiB/s\n"
    "net in:      no limit\n"
    "vm net out:  no limit\n"
    "vm net in:   64KiB/s\n"
    "quota disk:  5GiB\n";

// As a daemon sends it that limits neither I/O nor CPUs and cannot ask the kernel.
v1::Tenant PlainTenant() {
  v1::Tenant tenant = SampleTenant();
  tenant.clear_io();
  tenant.clear_cpus();
  tenant.clear_carve();
  tenant.clear_network_mode();
  tenant.clear_forwards();
  tenant.clear_net();
  tenant.clear_quota_disk_mib();
  tenant.clear_usage();
  tenant.clear_traffic();
  return tenant;
}

TEST(TenantTable, ShowsUsedAndLimit) {
  v1::ListTenantsResponse answer;
  *answer.add_tenants() = SampleTenant();
  *answer.add_tenants() = PlainTenant();
  answer.mutable_tenants(1)->set_name("globex");
  EXPECT_EQ(TenantTable(answer.tenants()),
            "TENANT  PRIMARY       STATE    MEMORY        VCPUS  VMS  DISK        CPUS   "
            "READ                 WRITE  CARVE     SUBNET\n"
            "acme    acme-primary  running  1408MiB/4GiB  3/4    1/8  1GiB/20GiB  2-5,8  "
            "200MiB/s, 1000 iops  -      balloon   10.213.0.0/24\n"
            "globex  acme-primary  running  1408MiB/4GiB  3/4    1/8  1GiB/20GiB  all    "
            "-                    -      reserved  10.213.0.0/24\n");
  EXPECT_EQ(TenantTable(v1::ListTenantsResponse().tenants()), "no tenants\n");
}

TEST(TenantDetails, HasItsLimitsAndItsUsage) {
  v1::Tenant tenant = SampleTenant();
  tenant.mutable_primary()->set_needs_restart(true);
  tenant.set_slice("flatvm-a\\x2db.slice");
  EXPECT_EQ(TenantDetails(tenant), std::string("tenant:     acme\n"
                                               "primary:    acme-primary\n"
                                               "  state:    running, needs a restart\n"
                                               "  uuid:     aaaaaaaa-4567-489a-bcde-f0123456789a\n"
                                               "  cid:      1000\n"
                                               "  mac:      52:54:00:d5:00:02\n"
                                               "  address:  10.213.0.2\n"
                                               "  ipv6:     fd12:3456:789a:1:5054:ff:fed5:2\n"
                                               "  memory:   1GiB granted of 1280MiB\n"
                                               "  cpu:      150% granted of 2 vCPUs\n"
                                               "subnet:     10.213.0.0/24\n"
                                               "gateway:    10.213.0.1\n"
                                               "ipv6:       fd12:3456:789a:1::/64\n"
                                               "gateway 6:  fd12:3456:789a:1::1\n"
                                               "network:    flatvm-acme\n"
                                               "networks:   storage (isolated, 10.213.1.0/24)\n"
                                               "slice:      flatvm-a\\x2db.slice\n"
                                               "overhead:   64MiB a VM\n"
                                               "created:    2023-11-14T22:13:20Z\n"
                                               "\n") +
                                       kSampleLimits +
                                       "\n"
                                       "by the kernel's count:\n"
                                       "  memory:     1.4GiB\n"
                                       "  oom kills:  1\n"
                                       "  cpu time:   3 h 12 min, throttled 1.2 s\n"
                                       "  tasks:      42\n"
                                       "  read:       310MiB\n"
                                       "  written:    512B\n"
                                       "\n"
                                       "PRESSURE  SOME    FULL\n"
                                       "memory    0.50%   0.25%\n"
                                       "cpu       12.35%  0.00%\n"
                                       "io        3.00%   0.00%\n"
                                       "\n"
                                       "frames of its machines:\n"
                                       "  accepted:  123456\n"
                                       "  spoofed:   7\n"
                                       "  refused:   89\n"
                                       "  exceeded:  net out 4, net in 3, vm net out 2, "
                                       "vm net in 1\n");
}

TEST(TenantDetails, SaysWhatIsNotLimitedAndLeavesOutWhatIsNotTold) {
  v1::Tenant tenant = PlainTenant();
  tenant.mutable_primary()->clear_memory_mib();
  tenant.mutable_primary()->clear_vcpus();
  const std::string text = TenantDetails(tenant);
  EXPECT_THAT(text, HasSubstr("  memory:   -\n  cpu:      -\n"));
  EXPECT_THAT(text, EndsWith("\n"
                             "cpus:        all\n"
                             "read:        no limit\n"
                             "write:       no limit\n"
                             "carve:       reserved\n"
                             "way out:     nat\n"
                             "forwards:    none\n"
                             "net out:     no limit\n"
                             "net in:      no limit\n"
                             "vm net out:  no limit\n"
                             "vm net in:   no limit\n"
                             "quota disk:  -\n"));
}

TEST(TenantDetails, EscapesWhatItIsTold) {
  v1::Tenant tenant = SampleTenant();
  tenant.set_cpus("\x1b[2J");
  EXPECT_EQ(TenantDetails(tenant).find('\x1b'), std::string::npos);
}

class UpdatedTenantTest : public testing::Test {
 protected:
  UpdatedTenantTest() { *answer_.mutable_tenant() = SampleTenant(); }

  void AddExcess(const char* limit, uint64_t limit_value, uint64_t used) {
    v1::Excess* excess = answer_.add_excess();
    excess->set_limit(limit);
    excess->set_limit_value(limit_value);
    excess->set_used(used);
  }

  v1::UpdateTenantRequest request_;
  v1::UpdateTenantResponse answer_;
};

TEST_F(UpdatedTenantTest, ShowsTheLimitsAsTheyAreOrWouldBe) {
  EXPECT_EQ(UpdatedTenant(request_, answer_),
            std::string("tenant acme has these limits now:\n") + kSampleLimits);
  request_.set_validate_only(true);
  EXPECT_EQ(UpdatedTenant(request_, answer_),
            std::string("tenant acme would have these limits:\n") + kSampleLimits);
}

TEST_F(UpdatedTenantTest, SaysWhatIsInUseAndWhatThatMeans) {
  AddExcess("memory_mib", 2048, 3072);
  AddExcess("vms", 2, 3);
  constexpr const char* kLines =
      "  memory_mib: 2048, but 3072 are in use\n"
      "  vms: 2, but 3 are in use\n";
  const std::string forced = std::string(
                                 "\nmore is in use than these limits allow; nothing new fits until "
                                 "it is given back, and the kernel may kill VMs of the tenant:\n") +
                             kLines;
  request_.set_force(true);
  EXPECT_THAT(UpdatedTenant(request_, answer_), EndsWith(forced));
  request_.set_validate_only(true);
  EXPECT_THAT(UpdatedTenant(request_, answer_), EndsWith(forced));
  request_.set_force(false);
  EXPECT_THAT(
      UpdatedTenant(request_, answer_),
      EndsWith(std::string("\nmore is in use than these limits allow; without --force this is "
                           "refused:\n") +
               kLines));
}

TEST_F(UpdatedTenantTest, SpeaksOfKillingForMemoryOnly) {
  AddExcess("vcpus", 2, 3);
  request_.set_force(true);
  EXPECT_THAT(UpdatedTenant(request_, answer_),
              EndsWith("nothing new fits until it is given back:\n"
                       "  vcpus: 2, but 3 are in use\n"));
}

// Every field that `message`'s type has is a key of `json`, and so on downwards; of lists, in the
// first one.
void ExpectEveryField(const google::protobuf::Message& message, const Json& json) {
  const auto* type = message.GetDescriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    const auto* field = type->field(i);
    const bool listed_only =
        type->name() == "Network" && (field->name() == "vms" || field->name() == "traffic");
    if (listed_only) continue;
    ASSERT_TRUE(json.contains(field->name())) << type->name() << "." << field->name();
    const bool nested = field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE &&
                        field->message_type()->name() != "Timestamp";
    if (!nested) continue;
    const auto* reflection = message.GetReflection();
    const Json& value = *json.find(field->name());
    if (field->is_repeated()) {
      ExpectEveryField(reflection->GetRepeatedMessage(message, field, 0), value.front());
    } else {
      ExpectEveryField(reflection->GetMessage(message, field), value);
    }
  }
}

TEST(TenantJson, HasEveryFieldOfTheProtocol) {
  const Json json = TenantJson(SampleTenant());
  ExpectEveryField(SampleTenant(), json);
  EXPECT_EQ(json.find("limits")->dump(),
            R"({"memory_mib":4096,"vcpus":4,"vms":8,"disk_mib":20480})");
  EXPECT_EQ(json.find("io")->dump(), R"({"read_bytes":209715200,"write_bytes":0,)"
                                     R"("read_operations":1000,"write_operations":0})");
  EXPECT_EQ(json.find("carve")->dump(), R"({"mode":"balloon","primary_min_memory_mib":512})");
  EXPECT_EQ(json.find("forwards")->front().dump(),
            R"({"protocol":"tcp","host_port":8443,"machine":"primary","port":443})");
  EXPECT_EQ(json.find("usage")->dump(),
            R"({"memory_bytes":1572864000,"oom_kills":1,"cpu_us":11520000000,)"
            R"("throttled_us":1250000,"tasks":42,"read_bytes":325058560,"write_bytes":512,)"
            R"("memory_pressure":{"some_percent":0.5,"full_percent":0.25},)"
            R"("cpu_pressure":{"some_percent":12.35,"full_percent":0.0},)"
            R"("io_pressure":{"some_percent":3.0,"full_percent":0.0}})");
}

TEST(TenantJson, HasItsCeilingsAndWhatExceededThem) {
  const Json json = TenantJson(SampleTenant());
  EXPECT_EQ(json.find("net")->dump(),
            R"({"out_bytes":52428800,"in_bytes":0,"vm_out_bytes":0,"vm_in_bytes":65536})");
  EXPECT_EQ(json.find("traffic")->find("exceeded")->dump(),
            R"({"out":4,"in":3,"vm_out":2,"vm_in":1})");
}

TEST(TenantJson, HasTheSameKeysWhateverIsTold) {
  const Json sample = TenantJson(SampleTenant());
  const Json plain = TenantJson(v1::Tenant());
  for (const auto& [key, value] : sample.items()) EXPECT_TRUE(plain.contains(key)) << key;
  EXPECT_TRUE(plain.find("usage")->is_null());
  EXPECT_EQ(plain.find("carve")->dump(), R"({"mode":"reserved","primary_min_memory_mib":0})");
}

TEST_F(UpdatedTenantTest, AsJsonIsTheTenantWithItsExcess) {
  EXPECT_EQ(UpdatedTenantJson(answer_).value("name", ""), "acme");
  EXPECT_EQ(UpdatedTenantJson(answer_).find("excess")->dump(), "[]");
  AddExcess("memory_mib", 2048, 3072);
  EXPECT_EQ(UpdatedTenantJson(answer_).find("excess")->dump(),
            R"([{"limit":"memory_mib","limit_value":2048,"used":3072}])");
}

TEST(NetworkModeName, KnowsEveryModeOfTheProtocol) {
  for (int mode = 0; mode < v1::NetworkMode_ARRAYSIZE; ++mode) {
    EXPECT_STRNE(NetworkModeName(static_cast<v1::NetworkMode>(mode)), "unknown") << mode;
  }
  EXPECT_STREQ(NetworkModeName(v1::NETWORK_MODE_UNSPECIFIED), "nat");
  EXPECT_STREQ(NetworkModeName(static_cast<v1::NetworkMode>(77)), "unknown");
}

TEST(CarveModeName, KnowsEveryModeOfTheProtocol) {
  for (int mode = v1::CarveMode_MIN; mode <= v1::CarveMode_MAX; ++mode) {
    EXPECT_STRNE(CarveModeName(static_cast<v1::CarveMode>(mode)), "unknown") << mode;
  }
  EXPECT_STREQ(CarveModeName(v1::CARVE_MODE_UNSPECIFIED), "reserved");
  EXPECT_STREQ(CarveModeName(static_cast<v1::CarveMode>(77)), "unknown");
}

}  // namespace
}  // namespace flatvm::ctl
