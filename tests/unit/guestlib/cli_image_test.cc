// flatvm image: what it asks of the host, what it refuses by itself, what it prints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string_view>

#include "tests/unit/guestlib/cli_host.h"

namespace flatvm::cli {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using Args = std::vector<std::string>;
using std::chrono::seconds;

constexpr std::string_view kImageJson = R"({
  "id": "7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071",
  "name": "debian",
  "tenant": "acme",
  "source": "own",
  "state": "ready",
  "format": "qcow2",
  "size_bytes": 325058560,
  "received_bytes": 325058560,
  "disk_mib": 2048,
  "sha256": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  "created_at": "2023-11-14T22:13:20Z",
  "description": ""
}
)";

TEST(FlatvmImageWords, AFileSaysItsNameAndFormatUnlessTheyAreGiven) {
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"image", "import", "/srv/debian-12.qcow2"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"image", "import", "web.img", "--request-id", "r-1"}, host).code, 0);
  EXPECT_EQ(RunFlatvm({"image", "import", "/dev/vdb", "--name", "db", "--format", "raw",
                       "--validate-only"},
                      host)
                .code,
            0);
  ASSERT_THAT(host.images_imported, SizeIs(3));
  EXPECT_EQ(host.images_imported[0].first.name, "debian-12");
  EXPECT_EQ(host.images_imported[0].first.path, "/srv/debian-12.qcow2");
  EXPECT_EQ(host.images_imported[0].first.format, ImageFormat::kQcow2);
  EXPECT_EQ(host.images_imported[1].first.name, "web");
  EXPECT_EQ(host.images_imported[1].first.format, ImageFormat::kRaw);
  EXPECT_EQ(host.images_imported[1].second.request_id, "r-1");
  EXPECT_EQ(host.images_imported[2].first.name, "db");
  EXPECT_TRUE(host.images_imported[2].second.validate_only);
}

TEST(FlatvmImageWords, BadOnesAreUsageErrors) {
  const struct {
    Args args;
    const char* reason;
    const char* field;
  } cases[] = {{{"image", "import", "Debian_12.qcow2"}, "FIELD_MISSING", "--name"},
               {{"image", "import", "disk"}, "FIELD_MISSING", "--format"},
               {{"image", "import", "a.raw", "--format", "vmdk"}, "FIELD_MALFORMED", "--format"},
               {{"image", "import", "a.raw", "--format", ""}, "FIELD_MALFORMED", "--format"}};
  for (auto [args, reason, field] : cases) {
    FakeHost host;
    args.emplace_back("--json");
    const Done done = RunFlatvm(args, host);
    EXPECT_EQ(done.code, 2) << args[2];
    EXPECT_THAT(done.err, HasSubstr(reason)) << args[2];
    EXPECT_THAT(done.err, HasSubstr(std::string("\"field\":\"") + field + "\"")) << args[2];
    EXPECT_THAT(host.images_imported, IsEmpty());
  }
  FakeHost host;
  EXPECT_EQ(RunFlatvm({"image"}, host).code, 2);
  EXPECT_EQ(RunFlatvm({"image", "import"}, host).code, 2);
  EXPECT_EQ(RunFlatvm({"image", "remove"}, host).code, 2);
}

TEST(FlatvmImageOutput, ImportPrintsTheImage) {
  FakeHost host;
  const Done done = RunFlatvm({"image", "import", "debian.qcow2"}, host);
  EXPECT_EQ(done.out, "debian  qcow2  310MiB  sha256:0123456789ab  ready\n");
  EXPECT_EQ(RunFlatvm({"image", "import", "debian.qcow2", "--json"}, host).out, kImageJson);
  EXPECT_EQ(RunFlatvm({"image", "import", "debian.qcow2", "--validate-only"}, host).out,
            "would import debian: qcow2, 310MiB\n");
  host.error = SampleError();
  EXPECT_EQ(RunFlatvm({"image", "import", "debian.qcow2"}, host).code, 3);
}

TEST(FlatvmImageOutput, ListShowsOwnAndCatalog) {
  FakeHost host;
  Image importing = SampleImage();
  importing.name = "new";
  importing.state = ImageState::kImporting;
  importing.received_bytes /= 2;
  importing.disk_mib = 0;
  const Image tiny{.name = "tiny",
                   .source = ImageSource::kCatalog,
                   .state = ImageState::kReady,
                   .format = ImageFormat::kRaw,
                   .disk_mib = 16,
                   .description = "a test guest"};
  host.images = {SampleImage(), importing, tiny};
  EXPECT_EQ(RunFlatvm({"image", "list"}, host).out,
            "NAME    SOURCE   STATE          FORMAT  SIZE    DISK   SHA256        DESCRIPTION\n"
            "debian  own      ready          qcow2   310MiB  2GiB   0123456789ab\n"
            "new     own      importing 50%  qcow2   310MiB  -      0123456789ab\n"
            "tiny    catalog  ready          raw     -       16MiB  -             a test guest\n");
  host.images.clear();
  EXPECT_EQ(RunFlatvm({"image", "list"}, host).out, "no images\n");
  EXPECT_EQ(RunFlatvm({"image", "list", "--json"}, host).out, "{\n  \"images\": []\n}\n");
}

TEST(FlatvmImageOutput, RemoveGoesOnAfterAFailure) {
  FakeHost host;
  host.error = SampleError();
  host.error_only_for = "b";
  const Done done = RunFlatvm({"image", "remove", "a", "b", "c"}, host);
  EXPECT_EQ(done.code, 3);
  EXPECT_EQ(done.out,
            "removed a (7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n"
            "removed c (7a2f1c3a-9b7e-4f60-8a11-2c3d4e5f6071)\n");
}

std::vector<ImportProgress> SomeProgress() {
  constexpr uint64_t kTotal = uint64_t{100} << 20U;
  return {{.stage = ImportStage::kReading, .done_bytes = kTotal, .total_bytes = kTotal},
          {.stage = ImportStage::kSending,
           .done_bytes = kTotal / 4,
           .total_bytes = kTotal,
           .begun_at_bytes = kTotal / 4},
          {.stage = ImportStage::kSending,
           .done_bytes = kTotal / 2,
           .total_bytes = kTotal,
           .begun_at_bytes = kTotal / 4},
          {.stage = ImportStage::kChecking, .done_bytes = kTotal, .total_bytes = kTotal}};
}

TEST(FlatvmImageProgress, IsALineNowAndThenWithoutATerminal) {
  FakeHost host;
  host.progress = SomeProgress();
  host.times = {seconds(100), seconds(110), seconds(120), seconds(130)};
  const Done done = RunFlatvm({"image", "import", "debian.qcow2"}, host);
  EXPECT_EQ(done.err,
            "flatvm: computing the SHA-256: 100% of 100MiB\n"
            "flatvm: sending: 25% of 100MiB\n"
            "flatvm: sending: 50% of 100MiB, 2.5MiB/s, 21s left\n"
            "flatvm: the host checks it\n");
}

TEST(FlatvmImageProgress, IsABarOnATerminal) {
  FakeHost host;
  host.meter = MeterStyle::kBar;
  host.progress = SomeProgress();
  host.times = {seconds(100), seconds(110), seconds(120), seconds(130)};
  const Done done = RunFlatvm({"image", "import", "debian.qcow2"}, host);
  EXPECT_EQ(done.err,
            "\rcomputing the SHA-256 [########################] 100% of 100MiB\n"
            "\rsending [######..................] 25% of 100MiB"
            "\rsending [############............] 50% of 100MiB, 2.5MiB/s, 21s left\n"
            "\rthe host checks it\n");
}

TEST(FlatvmImageProgress, IsNotInTheWayOfJson) {
  FakeHost host;
  host.progress = SomeProgress();
  EXPECT_THAT(RunFlatvm({"image", "import", "debian.qcow2", "--json"}, host).err, IsEmpty());
}

}  // namespace
}  // namespace flatvm::cli
