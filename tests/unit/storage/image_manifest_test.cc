#include "storage/image_manifest.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::storage {
namespace {

TEST(ImageManifest, ReadsEveryField) {
  const absl::StatusOr<ImageManifest> manifest = ParseImageManifest(R"({
    "description": "A test guest", "kernel": "vmlinuz", "initrd": "initrd.img",
    "cmdline": "console=ttyS0 quiet", "disk": {"file": "data.qcow2", "format": "qcow2"},
    "min_memory": "96MiB"})");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->description, "A test guest");
  EXPECT_EQ(manifest->kernel, "vmlinuz");
  EXPECT_EQ(manifest->initrd, "initrd.img");
  EXPECT_EQ(manifest->cmdline, "console=ttyS0 quiet");
  ASSERT_TRUE(manifest->disk.has_value());
  EXPECT_EQ(manifest->disk->file, "data.qcow2");
  EXPECT_EQ(manifest->disk->format, base::DiskFormat::kQcow2);
  EXPECT_EQ(manifest->min_memory_mib, 96U);
}

TEST(ImageManifest, NeedsOnlyAKernelOrADisk) {
  const absl::StatusOr<ImageManifest> kernel = ParseImageManifest(R"({"kernel": "k"})");
  ASSERT_TRUE(kernel.ok()) << kernel.status();
  EXPECT_FALSE(kernel->disk.has_value());
  EXPECT_EQ(kernel->min_memory_mib, 0U);
  const absl::StatusOr<ImageManifest> disk =
      ParseImageManifest(R"({"disk": {"file": "d", "format": "raw"}})");
  ASSERT_TRUE(disk.ok()) << disk.status();
  EXPECT_EQ(disk->disk->format, base::DiskFormat::kRaw);
  EXPECT_EQ(disk->kernel, "");
}

const std::string kDigits(64, 'a');

TEST(ImageManifest, ReadsDigestsOfFilesThatTheImageHas) {
  const absl::StatusOr<ImageManifest> manifest = ParseImageManifest(
      R"({"kernel": "k", "disk": {"file": "d", "format": "raw"}, "sha256": {"d": ")" + kDigits +
      "\"}}");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->sha256, (std::map<std::string, std::string>{{"d", kDigits}}));
  EXPECT_EQ(FilesOf(*manifest), (std::vector<std::string>{"d", "k"}));
  EXPECT_TRUE(ParseImageManifest(R"({"kernel": "k", "sha256": {}})").ok());
}

TEST(ImageManifest, WritesWhatItReads) {
  const ImageManifest manifest{
      .description = "a \"quoted\" ü",
      .kernel = "k",
      .initrd = "i",
      .cmdline = "a=\"b c\" \\",
      .disk = ManifestDisk{.file = "d", .format = base::DiskFormat::kQcow2},
      .min_memory_mib = 1024,
      .sha256 = {{"d", kDigits}, {"k", kDigits}}};
  const std::string text = FormatImageManifest(manifest);
  const absl::StatusOr<ImageManifest> read = ParseImageManifest(text);
  ASSERT_TRUE(read.ok()) << read.status() << text;
  EXPECT_EQ(FormatImageManifest(*read), text);
  EXPECT_EQ(read->description, manifest.description);
  EXPECT_EQ(read->cmdline, manifest.cmdline);
  EXPECT_EQ(read->disk->format, base::DiskFormat::kQcow2);
  EXPECT_EQ(read->min_memory_mib, 1024U);
  EXPECT_EQ(read->sha256, manifest.sha256);
  EXPECT_EQ(FormatImageManifest({.kernel = "k"}), "{\n  \"kernel\": \"k\"\n}\n");
}

struct BadManifest {
  std::string text;
  const char* begins;
};

// A manifest with this member beside a kernel.
std::string With(const std::string& member) { return R"({"kernel": "k", )" + member + "}"; }

std::string WithDisk(const std::string& file, const std::string& format) {
  return R"({"disk": {"file": )" + file + R"(, "format": )" + format + "}}";
}

TEST(ImageManifest, ErrorsBeginWithTheJsonPath) {
  const std::string long_text(2000, 'x');
  for (const BadManifest& bad : std::vector<BadManifest>{
           {"", "is not valid JSON"},
           {"{", "is not valid JSON (byte 2)"},
           {R"({"kernel": "k"} x)", "is not valid JSON"},
           {R"({"kernel": 'k'})", "is not valid JSON"},
           {R"({"kernel": "k",})", "is not valid JSON"},
           {"// c\n{}", "is not valid JSON"},
           {"{\"kernel\": \"\xff\"}", "is not valid JSON"},
           {"[]", "must be a JSON object"},
           {"null", "must be a JSON object"},
           {"\"kernel\"", "must be a JSON object"},
           {"{}", "must have \"kernel\" or \"disk\""},
           {R"({"initrd": "i"})", "must have"},
           {With(R"("Kernel": "k")"), "Kernel: is not a key"},
           {With(R"("": 1)"), ": is not a key"},
           {With("\"a\\nb\": 1"), "a\\x0ab: is not a key"},
           {With(R"("kernel": "k")"), "kernel: is there twice"},
           {R"({"disk": {"file": "a", "format": "raw", "file": "b"}})",
            "disk.file: is there twice"},
           {R"({"disk": {"file": "a", "format": "raw", "size": 1}})", "disk.size: is not a key"},
           {R"({"kernel": null})", "kernel: must be a string"},
           {R"({"kernel": 1})", "kernel: must be a string"},
           {R"({"kernel": ["k"]})", "kernel: must be a string"},
           {R"({"kernel": ""})", "kernel: must not be empty"},
           {R"({"kernel": "/boot/vmlinuz"})", "kernel: must be the name"},
           {R"({"kernel": "../vmlinuz"})", "kernel: must be the name"},
           {R"({"kernel": "a/b"})", "kernel: must be the name"},
           {R"({"kernel": "."})", "kernel: must be the name"},
           {R"({"kernel": ".hidden"})", "kernel: must be the name"},
           {R"({"kernel": "json:{}"})", "kernel: must be the name"},
           {R"({"kernel": "nbd:host"})", "kernel: must be the name"},
           {R"({"kernel": "a\u0000b"})", "kernel: must be the name"},
           {R"({"kernel": "a\nb"})", "kernel: must be the name"},
           {R"({"kernel": ")" + long_text + "\"}", "kernel: must be the name"},
           {With(R"("initrd": "../i")"), "initrd: must be the name"},
           {With(R"("initrd": false)"), "initrd: must be a string"},
           {With(R"("cmdline": 7)"), "cmdline: must be a string"},
           {With(R"("cmdline": "a\tb")"), "cmdline: must be at most"},
           {With(R"("cmdline": "é")"), "cmdline: must be at most"},
           {With(R"("cmdline": ")" + long_text + "\""), "cmdline: must be at most"},
           {With(R"("description": {})"), "description: must be a string"},
           {With(R"("description": "a\nb")"), "description: must be one line"},
           {With(R"("description": ")" + long_text + "\""), "description: must be one line"},
           {With(R"("min_memory": 96)"), "min_memory: must be a string"},
           {With(R"("min_memory": "96")"), "min_memory: must be a whole number"},
           {With(R"("min_memory": "96MB")"), "min_memory: must be a whole number"},
           {With(R"("min_memory": "-1MiB")"), "min_memory: must be a whole number"},
           {With(R"("min_memory": "5000TiB")"), "min_memory: "},
           {With(R"("sha256": "x")"), "sha256: must be an object"},
           {With(R"("sha256": {"x": "y"})"), "sha256.x: is not a file that the image has"},
           {With(R"("sha256": {"k": 7})"), "sha256.k: must be 64 lower-case"},
           {With(R"("sha256": {"k": "abc"})"), "sha256.k: must be 64 lower-case"},
           {With(R"("sha256": {"k": ")" + std::string(64, 'A') + "\"}"), "sha256.k: must be 64"},
           {With(R"("sha256": {"k": ")" + kDigits + "a\"}"), "sha256.k: must be 64"},
           {With(R"("sha256": {"k": "", "k": ""})"), "sha256.k: is there twice"},
           {With(R"("disk": "d.raw")"), "disk: must be an object"},
           {With(R"("disk": null)"), "disk: must be an object"},
           {With(R"("disk": {})"), "disk.file: is required"},
           {R"({"disk": {"file": "d"}})", "disk.format: is required"},
           {R"({"disk": {"format": "raw"}})", "disk.file: is required"},
           {WithDisk("3", "\"raw\""), "disk.file: must be a string"},
           {WithDisk("\"a/b\"", "\"raw\""), "disk.file: must be the name"},
           {WithDisk("\"json:{}\"", "\"raw\""), "disk.file: must be the name"},
           {WithDisk("\"d\"", "\"vmdk\""), "disk.format: must be \"raw\" or \"qcow2\""},
           {WithDisk("\"d\"", "\"RAW\""), "disk.format: must be \"raw\" or \"qcow2\""},
           {WithDisk("\"d\"", "1"), "disk.format: must be a string"},
           {R"({"disk": {"file": "d", "format": "raw"}, "initrd": "i"})", "initrd: makes no sense"},
           {R"({"disk": {"file": "d", "format": "raw"}, "cmdline": "c"})",
            "cmdline: makes no sense"},
       }) {
    const absl::Status status = ParseImageManifest(bad.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << bad.text;
    EXPECT_EQ(base::GetErrorInfo(status).reason, base::Reason::kImageUnusable) << bad.text;
    EXPECT_TRUE(base::Message(status).starts_with(bad.begins))
        << bad.text << "\ngives: " << base::Message(status);
  }
}

TEST(ImageManifest, TakesNothingFromADeeplyNestedText) {
  const std::string deep =
      R"({"kernel": )" + std::string(20000, '[') + std::string(20000, ']') + "}";
  EXPECT_FALSE(ParseImageManifest(deep).ok());
}

}  // namespace
}  // namespace flatvm::storage
