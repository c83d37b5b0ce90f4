#include <gtest/gtest.h>

#include "daemon/ctl/render_json.h"
#include "daemon/ctl/render_text.h"
#include "tests/unit/ctl/samples.h"

namespace flatvm::ctl {
namespace {

TEST(VmTable, AlignsALineASecondary) {
  v1::ListAllVmsResponse answer;
  *answer.add_vms() = SampleVm();
  *answer.add_vms() = SampleVm();
  answer.mutable_vms(1)->set_name("database");
  answer.mutable_vms(1)->set_state(v1::VM_STOPPED);
  answer.mutable_vms(1)->set_disk_mib(0);
  EXPECT_EQ(VmTable(answer.vms()),
            "TENANT  NAME      STATE    IMAGE  MEMORY  VCPUS  DISK  ADDRESS     CID   ID\n"
            "acme    web       running  tiny   192MiB  1      1GiB  10.213.0.3  1001  "
            "0123abcd-4567-489a-bcde-f0123456789a\n"
            "acme    database  stopped  tiny   192MiB  1      -     10.213.0.3  1001  "
            "0123abcd-4567-489a-bcde-f0123456789a\n");
}

TEST(VmTable, SaysThatThereIsNone) {
  EXPECT_EQ(VmTable(v1::ListAllVmsResponse().vms()), "no secondaries\n");
}

TEST(VmTable, EscapesWhatItIsTold) {
  v1::ListAllVmsResponse answer;
  *answer.add_vms() = SampleVm();
  answer.mutable_vms(0)->set_image("\x1b]0;x\x07");
  EXPECT_NE(VmTable(answer.vms()).find("\\x1b]0;x\\x07"), std::string::npos);
  EXPECT_EQ(VmTable(answer.vms()).find('\x1b'), std::string::npos);
}

TEST(VmDetails, HasALineAProperty) {
  v1::ShowAnyVmResponse shown;
  *shown.mutable_vm() = SampleVm();
  shown.set_domain("flatvm-acme-web");
  shown.set_console_log("/var/lib/flatvm/console.log");
  EXPECT_EQ(VmDetails(shown),
            "name:          web\n"
            "tenant:        acme\n"
            "id:            0123abcd-4567-489a-bcde-f0123456789a\n"
            "state:         running\n"
            "image:         tiny\n"
            "volume:        -\n"
            "data volumes:  -\n"
            "memory:        192MiB\n"
            "vcpus:         1\n"
            "disk:          1GiB\n"
            "address:       10.213.0.3\n"
            "ipv6:          fd12:3456:789a:1:5054:ff:fed5:3\n"
            "mac:           52:54:00:d5:00:03\n"
            "other nics:    storage 10.213.1.2 52:54:00:d5:01:02\n"
            "cid:           1001\n"
            "domain:        flatvm-acme-web\n"
            "console log:   /var/lib/flatvm/console.log\n"
            "created:       2023-11-14T22:13:20Z\n"
            "stages:        disk 12 ms\n");
}

TEST(JoinWords, ReadsLikeASentence) {
  v1::CreateTenantResponse answer;
  EXPECT_EQ(JoinWords(answer.needs_restart()), "");
  answer.add_needs_restart("vsock");
  EXPECT_EQ(JoinWords(answer.needs_restart()), "vsock");
  answer.add_needs_restart("partition");
  EXPECT_EQ(JoinWords(answer.needs_restart()), "vsock and partition");
  answer.add_needs_restart("nic");
  EXPECT_EQ(JoinWords(answer.needs_restart()), "vsock, partition and nic");
}

TEST(VmJson, NamesFieldsAsTheProtocolDoes) {
  EXPECT_EQ(VmJson(SampleVm()).dump(),
            R"({"id":"0123abcd-4567-489a-bcde-f0123456789a","name":"web","tenant":"acme",)"
            R"("state":"running","image":"tiny","memory_mib":192,"vcpus":1,"disk_mib":1024,)"
            R"("address":"10.213.0.3","mac":"52:54:00:d5:00:03","cid":1001,)"
            R"("created_at":"2023-11-14T22:13:20Z",)"
            R"("stages":[{"stage":"disk","duration_us":12345}],"volume":"","data_volumes":[],)"
            R"("from_quota_disk":"","image_id":"",)"
            R"("ipv6_address":"fd12:3456:789a:1:5054:ff:fed5:3",)"
            R"("nics":[{"network":"default","mac":"52:54:00:d5:00:03","address":"10.213.0.3",)"
            R"("ipv6_address":"fd12:3456:789a:1:5054:ff:fed5:3"},)"
            R"({"network":"storage","mac":"52:54:00:d5:01:02","address":"10.213.1.2",)"
            R"("ipv6_address":""}]})");
}

TEST(VmJson, HasEveryFieldOfTheProtocol) {
  for (const Json& json : {VmJson(SampleVm()), VmJson(v1::Vm())}) {
    const auto* vm = v1::Vm::descriptor();
    for (int i = 0; i < vm->field_count(); ++i) {
      EXPECT_TRUE(json.contains(vm->field(i)->name())) << vm->field(i)->name();
    }
  }
}

TEST(StateName, KnowsEveryStateOfTheProtocol) {
  for (int state = v1::VmState_MIN + 1; state <= v1::VmState_MAX; ++state) {
    EXPECT_STRNE(StateName(static_cast<v1::VmState>(state)), "unknown") << state;
  }
  for (int state = v1::PrimaryState_MIN + 1; state <= v1::PrimaryState_MAX; ++state) {
    EXPECT_STRNE(StateName(static_cast<v1::PrimaryState>(state)), "unknown") << state;
  }
  EXPECT_STREQ(StateName(v1::PRIMARY_SHUT_OFF), "shut-off");
  EXPECT_STREQ(StateName(static_cast<v1::VmState>(77)), "unknown");
}

TEST(DumpJson, IsAsciiOnly) {
  EXPECT_EQ(DumpJson(Json{{"a", "\xc3\xa9\xff\x1b"}}),
            "{\n  \"a\": \"\\u00e9\\ufffd\\u001b\"\n}\n");
}

}  // namespace
}  // namespace flatvm::ctl
