// flatvm volume: what it asks of the host, what it refuses by itself, what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "guestlib/cli/render_json.h"
#include "tests/unit/guestlib/cli_host.h"

namespace flatvm::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Args = std::vector<std::string>;

constexpr std::string_view kVolumeJson = R"({
  "id": "5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071",
  "name": "data",
  "tenant": "acme",
  "state": "ready",
  "size_mib": 10240,
  "attached_to": "primary",
  "serial": "vol-5d2f1c3a9b7e4f60",
  "created_at": "2023-11-14T22:13:20Z",
  "device": "/dev/disk/by-id/virtio-vol-5d2f1c3a9b7e4f60",
  "quota_mib": 0,
  "from_quota_disk": "",
  "made_for": ""
}
)";

TEST(FlatvmVolumeWords, CreateAndCloneBecomeASpec) {
  FakeHost host;
  EXPECT_EQ(
      RunFlatvm({"volume", "create", "data", "--size", "10GiB", "--request-id", "r-1"}, host).code,
      0);
  EXPECT_EQ(RunFlatvm({"volume", "clone", "base", "copy", "--validate-only"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"volume", "clone", "base", "copy", "--size", "1TiB"}, host).code, 0);
  ASSERT_THAT(host.volumes_created, SizeIs(3));
  EXPECT_EQ(host.volumes_created[0].first, (VolumeSpec{.name = "data", .size_mib = 10240}));
  EXPECT_EQ(host.volumes_created[0].second.request_id, "r-1");
  EXPECT_FALSE(host.volumes_created[0].second.validate_only);
  EXPECT_EQ(host.volumes_created[1].first, (VolumeSpec{.name = "copy", .clone_of = "base"}));
  EXPECT_TRUE(host.volumes_created[1].second.validate_only);
  EXPECT_EQ(host.volumes_created[2].first,
            (VolumeSpec{.name = "copy", .size_mib = 1U << 20U, .clone_of = "base"}));
}

TEST(FlatvmVolumeWords, ChangesReachTheHostWithTheirOptions) {
  FakeHost host;
  const Args options = {"--request-id", "r-1", "--validate-only"};
  for (Args args : {Args{"volume", "attach", "data"}, Args{"volume", "detach", "data"},
                    Args{"volume", "resize", "data", "--size", "20GiB"}}) {
    args.insert(args.end(), options.begin(), options.end());
    EXPECT_EQ(RunFlatvm(args, host).code, 0) << args[1];
  }
  EXPECT_EQ(RunFlatvm({"volume", "delete", "--validate-only", "a", "b"}, host).code, 0);
  std::vector<std::string> changes;
  for (const auto& [change, call] : host.volume_changes) {
    changes.push_back(change);
    EXPECT_TRUE(call.validate_only) << change;
    EXPECT_EQ(call.request_id, change.starts_with("delete") ? "" : "r-1") << change;
    EXPECT_TRUE(call.wait_for_device);
  }
  EXPECT_THAT(changes, ElementsAre("attach data", "detach data", "resize data 20480", "delete a",
                                   "delete b"));
}

TEST(FlatvmVolumeWords, AVolumeMayBeCalledLikeACommand) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"volume", "show", "list"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"volume", "show", "create", "--json"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"volume", "show", "volume"}, host).code, 0);
  EXPECT_THAT(host.volumes_shown, ElementsAre("list", "create", "volume"));
}

TEST(FlatvmVolumeWords, BadOnesAreUsageErrors) {
  const struct {
    Args args;
    const char* reason;
    const char* text;
  } kCases[] = {
      {{"volume"}, "FIELD_MISSING", "a command is required after volume; see flatvm --help"},
      {{"volume", "frob"}, "FIELD_MALFORMED", "there is no command \"volume frob\""},
      {{"volume", "--frob", "list"}, "FIELD_MALFORMED", "--frob"},
      {{"volume", "create", "--size", "1GiB"}, "FIELD_MISSING", "NAME"},
      {{"volume", "create", "data"}, "FIELD_MISSING", "--size"},
      {{"volume", "create", "data", "--size", ""}, "FIELD_MALFORMED", "--size"},
      {{"volume", "create", "data", "--size", "10"}, "FIELD_MALFORMED", "--size: must be a whole"},
      {{"volume", "clone", "base"}, "FIELD_MISSING", "NAME"},
      {{"volume", "clone", "base", "copy", "--size", "big"}, "FIELD_MALFORMED", "--size: "},
      {{"volume", "attach"}, "FIELD_MISSING", "VOLUME"},
      {{"volume", "attach", "a", "b"}, "FIELD_MALFORMED", "b"},
      {{"volume", "attach", "a", "--force"}, "FIELD_MALFORMED", "--force"},
      {{"volume", "resize", "data"}, "FIELD_MISSING", "--size"},
      {{"volume", "resize", "data", "--size", "5000TiB"}, "FIELD_OUT_OF_RANGE", "--size: "},
      {{"volume", "delete"}, "FIELD_MISSING", "VOLUME"},
      {{"volume", "delete", "a", "--request-id", "r"}, "FIELD_MALFORMED", "--request-id"},
      {{"volume", "list", "data"}, "FIELD_MALFORMED", "data"},
  };
  for (const auto& test : kCases) {
    FakeHost host;
    const Done done = RunFlatvm(test.args, host);
    const std::string shown = testing::PrintToString(test.args) + " said " + done.err;
    EXPECT_EQ(done.code, 2) << shown;
    EXPECT_THAT(done.out, IsEmpty()) << shown;
    EXPECT_THAT(done.err, HasSubstr(test.text)) << shown;
    EXPECT_THAT(done.err, HasSubstr(std::string("(INVALID_ARGUMENT/") + test.reason)) << shown;
    EXPECT_FALSE(host.options.has_value()) << "asked the host: " << shown;
  }
}

TEST(FlatvmVolumeOutput, EachChangeIsALine) {
  const struct {
    Args args;
    const char* text;
    const char* preview;
  } kCases[] = {
      {{"create", "data", "--size", "10GiB"}, "data  10GiB  ready\n", "would create data: 10GiB\n"},
      {{"clone", "base", "data"},
       "data  10GiB  ready\n",
       "would create data: 10GiB, a copy of base\n"},
      {{"attach", "data"}, "/dev/disk/by-id/virtio-vol-5d2f1c3a9b7e4f60\n", "would attach data\n"},
      {{"detach", "data"}, "detached data\n", "would detach data\n"},
      {{"resize", "data", "--size", "10GiB"},
       "resized data to 10GiB\n",
       "would resize data to 10GiB\n"},
      {{"delete", "data"},
       "deleted data (5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n",
       "would delete data (5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n"},
  };
  for (const auto& test : kCases) {
    FakeHost host;
    Args args = test.args;
    args.insert(args.begin(), "volume");
    const Done done = RunFlatvm(args, host);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.out, test.text);
    args.emplace_back("--json");
    EXPECT_EQ(RunFlatvm(args, host).out, kVolumeJson) << test.args[0];
    args.back() = "--validate-only";
    EXPECT_EQ(RunFlatvm(args, host).out, test.preview);
    host.error = Error{.code = Code::kResourceExhausted, .message = "no"};
    const Done failed = RunFlatvm(args, host);
    EXPECT_EQ(failed.code, 6) << test.args[0];
    EXPECT_THAT(failed.out, IsEmpty());
  }
}

TEST(FlatvmVolumeOutput, ListIsATable) {
  FakeHost host;
  Volume backup = SampleVolume();
  backup.name = "backup";
  backup.state = VolumeState::kDeleting;
  backup.size_mib = 1000;
  backup.attached_to = "";
  Volume web = SampleVolume();
  web.name = "web-root";
  web.attached_to = "web";
  web.serial = "vol-0123456789abcdef";
  host.volumes = {backup, SampleVolume(), web};
  EXPECT_EQ(
      RunFlatvm({"volume", "list"}, host).out,
      "NAME      STATE     SIZE     ATTACHED-TO  DEVICE\n"
      "backup    deleting  1000MiB  -            -\n"
      "data      ready     10GiB    primary      /dev/disk/by-id/virtio-vol-5d2f1c3a9b7e4f60\n"
      "web-root  ready     10GiB    web          /dev/disk/by-id/virtio-vol-0123456789abcdef\n");
  const Json list = Json::parse(RunFlatvm({"volume", "list", "--json"}, host).out, nullptr, false);
  ASSERT_TRUE(list.contains("volumes"));
  ASSERT_THAT(list["volumes"], SizeIs(3));
  EXPECT_EQ(list["volumes"][0]["device"], "");
  EXPECT_EQ(list["volumes"][1], Json::parse(kVolumeJson));
  host.volumes.clear();
  EXPECT_EQ(RunFlatvm({"volume", "list"}, host).out, "no volumes\n");
  EXPECT_EQ(RunFlatvm({"volume", "list", "--json"}, host).out, "{\n  \"volumes\": []\n}\n");
}

TEST(FlatvmVolumeOutput, ShowHasALineForEachField) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"volume", "show", "data"}, host).out,
            "name:         data\n"
            "id:           5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071\n"
            "tenant:       acme\n"
            "state:        ready\n"
            "size:         10GiB\n"
            "attached to:  primary\n"
            "made for:     -\n"
            "from disk:    -\n"
            "device:       /dev/disk/by-id/virtio-vol-5d2f1c3a9b7e4f60\n"
            "serial:       vol-5d2f1c3a9b7e4f60\n"
            "created:      2023-11-14T22:13:20Z\n");
  EXPECT_EQ(RunFlatvm({"volume", "show", "data", "--json"}, host).out, kVolumeJson);
}

TEST(FlatvmVolumeOutput, DeleteOfSeveralGoesOnAfterAFailure) {
  FakeHost host;
  host.error = Error{.code = Code::kFailedPrecondition,
                     .reason = Reason::kVolumeInUse,
                     .message = "volume b is a disk of web"};
  host.error_only_for = "b";
  const Done done = RunFlatvm({"volume", "delete", "a", "b", "c"}, host);
  EXPECT_EQ(done.code, 5);
  EXPECT_EQ(done.out,
            "deleted a (5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n"
            "deleted c (5d2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n");
  EXPECT_EQ(done.err, "flatvm: volume b is a disk of web (FAILED_PRECONDITION/VOLUME_IN_USE)\n");
  const Json json = Json::parse(RunFlatvm({"volume", "delete", "a", "b", "c", "--json"}, host).out,
                                nullptr, false);
  ASSERT_TRUE(json.contains("volumes"));
  EXPECT_THAT(json["volumes"], SizeIs(2));
}

TEST(FlatvmVolumeDetach, IsRefusedHereWhileItIsMounted) {
  FakeHost host;
  host.mount_point = std::string("/srv/data");
  for (const Args& more : {Args{}, Args{"--validate-only"}}) {
    Args args = {"volume", "detach", "data"};
    args.insert(args.end(), more.begin(), more.end());
    const Done done = RunFlatvm(args, host);
    EXPECT_EQ(done.code, 5);
    EXPECT_THAT(done.out, IsEmpty());
    EXPECT_THAT(done.err, HasSubstr("volume data is mounted in this VM, on /srv/data: "));
    EXPECT_THAT(done.err, HasSubstr("(FAILED_PRECONDITION/PRIMARY_KEEPS_DISK)"));
  }
  EXPECT_THAT(host.mounts_sought, testing::Each("vol-5d2f1c3a9b7e4f60"));
  EXPECT_THAT(host.volume_changes, IsEmpty());
  EXPECT_EQ(RunFlatvm({"volume", "detach", "data", "--force"}, host).code, 0);
  EXPECT_THAT(host.volume_changes, SizeIs(1));
}

TEST(FlatvmVolumeDetach, LooksOnlyAtADiskOfThisVm) {
  FakeHost host;
  host.mount_point = std::string("/srv/data");
  host.volume.attached_to = "web";  // the host's to refuse
  EXPECT_EQ(RunFlatvm({"volume", "detach", "data"}, host).code, 0);
  EXPECT_THAT(host.mounts_sought, IsEmpty());
  EXPECT_THAT(host.volume_changes, SizeIs(1));
}

TEST(FlatvmVolumeDetach, IsRefusedWhereItCannotBeKnown) {
  FakeHost host;
  host.mount_point = Error{.code = Code::kInternal, .message = "cannot tell"};
  EXPECT_EQ(RunFlatvm({"volume", "detach", "data"}, host).code, 1);
  host.error = Error{.code = Code::kNotFound, .message = "there is no such volume"};
  EXPECT_EQ(RunFlatvm({"volume", "detach", "data"}, host).code, 3);
  EXPECT_THAT(host.volume_changes, IsEmpty());
}

}  // namespace
}  // namespace flatvm::cli
