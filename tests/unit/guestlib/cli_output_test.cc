// What flatvm prints, and what it ends with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "guestlib/cli/render_json.h"
#include "tests/unit/guestlib/cli_host.h"

namespace flatvm::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Args = std::vector<std::string>;

const Args kCreate = {"create", "web", "--image", "tiny", "--memory", "192MiB", "--vcpus", "1"};

constexpr std::string_view kVmJson = R"({
  "id": "0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11",
  "name": "web",
  "tenant": "acme",
  "state": "running",
  "image": "tiny",
  "memory_mib": 192,
  "vcpus": 1,
  "disk_mib": 2048,
  "address": "10.213.0.3",
  "mac": "52:54:00:01:02:03",
  "cid": 7,
  "created_at": "2023-11-14T22:13:20Z",
  "stages": [
    {
      "stage": "admit",
      "duration_us": 120
    },
    {
      "stage": "disk",
      "duration_us": 21400
    },
    {
      "stage": "domain",
      "duration_us": 1849000
    }
  ],
  "volume": "",
  "data_volumes": [],
  "from_quota_disk": "",
  "image_id": "",
  "ipv6_address": "fd12:3456:789a:1:5054:ff:fe01:203",
  "nics": [
    {
      "network": "default",
      "mac": "52:54:00:01:02:03",
      "address": "10.213.0.3",
      "ipv6_address": "fd12:3456:789a:1:5054:ff:fe01:203"
    },
    {
      "network": "storage",
      "mac": "52:54:00:d5:05:02",
      "address": "10.213.5.2",
      "ipv6_address": ""
    }
  ]
}
)";

TEST(FlatvmOutput, CreatePrintsALineAndStages) {
  FakeHost host;
  const Done done = RunFlatvm(kCreate, host);
  EXPECT_EQ(done.code, 0);
  EXPECT_EQ(done.out,
            "web  10.213.0.3  running  (1.9 s: admit 0.1 ms, disk 21 ms, domain 1.8 s)\n");
  EXPECT_THAT(done.err, IsEmpty());
}

TEST(FlatvmOutput, ValidateOnlySaysWould) {
  FakeHost host;
  Args create = kCreate;
  create.push_back("--validate-only");
  EXPECT_EQ(RunFlatvm(create, host).out,
            "would create web: image tiny, 192MiB, 1 vCPU, disk 2GiB, also on network storage\n");
  host.vm.disk_mib = 0;
  host.vm.vcpus = 2;
  host.vm.nics.clear();
  EXPECT_EQ(RunFlatvm(create, host).out, "would create web: image tiny, 192MiB, 2 vCPUs\n");
  host.vm.volume = "root";
  host.vm.data_volumes = {"logs", "data"};
  EXPECT_EQ(RunFlatvm(create, host).out,
            "would create web: volume root, 192MiB, 2 vCPUs, data volumes logs, data\n");
  EXPECT_EQ(RunFlatvm({"destroy", "web", "--validate-only"}, host).out,
            "would destroy web (0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11)\n");
  EXPECT_TRUE(host.destroyed.back().second.validate_only);
}

TEST(FlatvmOutput, OneVmAsJsonIsTheVm) {
  for (const Args& args : {Args{"show", "web", "--json"}, Args{"destroy", "web", "--json"}}) {
    FakeHost host;
    EXPECT_EQ(RunFlatvm(args, host).out, kVmJson);
  }
  FakeHost host;
  Args create = kCreate;
  create.push_back("--json");
  EXPECT_EQ(RunFlatvm(create, host).out, kVmJson);
}

TEST(FlatvmOutput, ListIsATable) {
  FakeHost host;
  Vm db = SampleVm();
  db.name = "database";
  db.state = VmState::kStopped;
  db.memory_mib = 1000;
  db.disk_mib = 0;
  db.created_at = {};
  db.image = "";
  db.volume = "root";
  db.data_volumes = {"logs", "data"};
  host.vms.insert(host.vms.begin(), db);
  EXPECT_EQ(RunFlatvm({"list"}, host).out,
            "NAME      STATE    IMAGE  MEMORY   VCPUS  DISK  VOLUMES         ADDRESS     AGE\n"
            "database  stopped  -      1000MiB  1      -     root,logs,data  10.213.0.3  -\n"
            "web       running  tiny   192MiB   1      2GiB  -               10.213.0.3  1h\n");
  host.vms.clear();
  EXPECT_EQ(RunFlatvm({"list"}, host).out, "no secondaries\n");
}

TEST(FlatvmOutput, ListAsJsonHasVms) {
  FakeHost host;
  const Json list = Json::parse(RunFlatvm({"list", "--json"}, host).out, nullptr, false);
  EXPECT_EQ(list, (Json{{"vms", {Json::parse(kVmJson)}}}));
  host.vms.clear();
  EXPECT_EQ(RunFlatvm({"list", "--json"}, host).out, "{\n  \"vms\": []\n}\n");
}

TEST(FlatvmOutput, ShowHasALineForEachField) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"show", "web"}, host).out,
            "name:          web\n"
            "id:            0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11\n"
            "tenant:        acme\n"
            "state:         running\n"
            "image:         tiny\n"
            "volume:        -\n"
            "from disk:     -\n"
            "memory:        192MiB\n"
            "vcpus:         1\n"
            "disk:          2GiB\n"
            "data volumes:  -\n"
            "address:       10.213.0.3\n"
            "ipv6:          fd12:3456:789a:1:5054:ff:fe01:203\n"
            "mac:           52:54:00:01:02:03\n"
            "other nics:    storage 10.213.5.2 52:54:00:d5:05:02\n"
            "cid:           7\n"
            "created:       2023-11-14T22:13:20Z\n"
            "took:          1.9 s: admit 0.1 ms, disk 21 ms, domain 1.8 s\n");
}

TEST(FlatvmOutput, DestroyOfSeveralGoesOnAfterAFailure) {
  FakeHost host;
  host.error = SampleError();
  host.error_only_for = "b";
  Done done = RunFlatvm({"destroy", "a", "b", "c"}, host);
  EXPECT_EQ(done.code, 3);
  EXPECT_EQ(done.out,
            "destroyed a (0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11)\n"
            "destroyed c (0b6c2f60-5f0a-4d6e-9d50-0f1e6c5a7b11)\n");
  EXPECT_EQ(done.err, "flatvm: there is no such secondary (NOT_FOUND/VM_NOT_FOUND)\n");
  done = RunFlatvm({"destroy", "a", "b", "c", "--json"}, host);
  EXPECT_EQ(done.code, 3);
  const Json vms = Json::parse(done.out, nullptr, false);
  ASSERT_TRUE(vms.contains("vms"));
  EXPECT_THAT(vms["vms"], SizeIs(2));
}

TEST(FlatvmOutput, DestroyedIsNamedByWhatIsKnown) {
  FakeHost host;
  host.vm.id = "";
  EXPECT_EQ(RunFlatvm({"destroy", "web"}, host).out, "destroyed web\n");
}

TEST(FlatvmOutput, AFailureEndsWithItsCodesExitCode) {
  const struct {
    Code code;
    int exit_code;
  } kCases[] = {
      {Code::kInternal, 1},         {Code::kInvalidArgument, 2},    {Code::kNotFound, 3},
      {Code::kAlreadyExists, 4},    {Code::kFailedPrecondition, 5}, {Code::kResourceExhausted, 6},
      {Code::kPermissionDenied, 7}, {Code::kUnavailable, 8},        {Code::kDeadlineExceeded, 9},
      {Code::kAborted, 10},         {Code::kUnimplemented, 11},     {static_cast<Code>(99), 1}};
  for (const auto& test : kCases) {
    FakeHost host;
    host.error = Error{.code = test.code, .message = "no"};
    for (const Args& args : {Args{"show", "web"}, Args{"destroy", "web", "--json"}, Args{"list"},
                             Args{"tenant", "--json"}, kCreate}) {
      const Done done = RunFlatvm(args, host);
      EXPECT_EQ(done.code, test.exit_code) << args.front();
      EXPECT_THAT(done.out, IsEmpty());
      EXPECT_THAT(done.err, HasSubstr(CodeName(test.code)));
    }
  }
}

TEST(FlatvmOutput, ALimitsNumbersAreSaid) {
  FakeHost host;
  host.error = Error{.code = Code::kResourceExhausted,
                     .reason = Reason::kTenantMemoryLimit,
                     .message = "too much",
                     .limit = "memory_mib",
                     .limit_value = 4096,
                     .asked = 576,
                     .used = 3904,
                     .left = 192,
                     .request_id = "r-1"};
  Args preview = kCreate;
  preview.push_back("--validate-only");
  EXPECT_EQ(RunFlatvm(preview, host).err, RunFlatvm(kCreate, host).err);
  EXPECT_EQ(RunFlatvm(preview, host).code, 6);
  EXPECT_EQ(RunFlatvm(kCreate, host).err,
            "flatvm: too much (RESOURCE_EXHAUSTED/TENANT_MEMORY_LIMIT; memory_mib: asked 576, used "
            "3904 of 4096, left 192)\n");
  Args json = kCreate;
  json.push_back("--json");
  EXPECT_EQ(RunFlatvm(json, host).err,
            R"({"error":{"code":"RESOURCE_EXHAUSTED","reason":"TENANT_MEMORY_LIMIT",)"
            R"("message":"too much","limit":"memory_mib","limit_value":4096,"asked":576,)"
            R"("used":3904,"left":192,"request_id":"r-1"}})"
            "\n");
  host.error = Error{.code = Code::kInternal,
                     .reason = Reason::kInternalError,
                     .message = "the host failed",
                     .request_id = "r-2"};
  EXPECT_EQ(RunFlatvm(kCreate, host).err,
            "flatvm: the host failed (INTERNAL/INTERNAL_ERROR; request r-2)\n");
}

TEST(FlatvmOutput, NothingFromTheHostSteersTheTerminal) {
  const std::string evil = "e\x1b[2J\nvil\xff";
  FakeHost host;
  host.vm.name = host.vm.address = host.vm.image = host.vm.stages[0].stage = evil;
  host.vm.volume = evil;
  host.vm.data_volumes = {evil};
  host.vms = {host.vm};
  host.volume.name = host.volume.serial = host.volume.tenant = evil;
  host.volumes = {host.volume};
  host.mount_point = evil;
  host.tenant.name = host.tenant.primary.mac = host.tenant.gateway = host.tenant.cpus = evil;
  host.error_only_for = "bad";
  host.error = Error{.code = Code::kNotFound, .message = evil, .limit = evil};
  for (const Args& words : {Args{"list"}, Args{"show", "web"}, Args{"tenant"}, Args{"show", "bad"},
                            Args{"destroy", evil}, kCreate, Args{"volume", "list"},
                            Args{"volume", "show", "data"}, Args{"volume", "attach", "data"},
                            Args{"volume", "detach", "data"}, Args{"volume", "delete", evil}}) {
    for (const bool json : {false, true}) {
      if (words.back() == "list" || words.front() == "tenant") host.error.reset();
      Args args = words;
      if (json) args.push_back("--json");
      const Done done = RunFlatvm(args, host);
      for (const char c : done.out + done.err) {
        ASSERT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7f)) << done.out << done.err;
      }
      host.error = Error{.code = Code::kNotFound, .message = evil, .limit = evil};
    }
  }
}

TEST(FlatvmOutput, AnAnswerThatCannotBeWrittenIsAnError) {
  for (const Args& args : {Args{"list"}, Args{"--help"}, Args{"destroy", "web", "--json"}}) {
    FakeHost host;
    std::ostringstream out;
    out.setstate(std::ios::badbit);
    std::ostringstream err;
    const int code =
        RunCli(args, {.connect = [&host](const ClientOptions&) -> std::unique_ptr<HostService> {
                        return std::make_unique<FakeService>(host);
                      },
                      .now = [] { return std::chrono::system_clock::time_point(); },
                      .find_mount = [](const std::string&) { return std::string(); },
                      .out = out,
                      .err = err});
    EXPECT_EQ(code, 1);
    EXPECT_THAT(err.str(), HasSubstr("cannot write to standard output"));
  }
}

}  // namespace
}  // namespace flatvm::cli
