#include "daemon/ctl/image_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/ctl/command_line.h"

namespace flatvm::ctl {
namespace {

using base::DiskFormat;
using base::GetErrorInfo;
using base::Reason;

ImageCommand MustParse(const std::string& line) {
  const std::vector<std::string> args = absl::StrSplit(line, ' ', absl::SkipEmpty());
  auto parsed = ParseCommandLine(args);
  EXPECT_TRUE(parsed.ok()) << line << ": " << parsed.status();
  if (!parsed.ok()) return {};
  return std::get<ImageCommand>(std::get<Invocation>(*std::move(parsed)).command);
}

TEST(ParseImageCommand, Add) {
  const ImageCommand command = MustParse(
      "image add tiny --disk d.img --kernel k --initrd i --cmdline=--quiet --description nice "
      "--min-memory 1GiB --catalog /c --config /f --validate-only");
  EXPECT_EQ(command.catalog_dir, "/c");
  EXPECT_EQ(command.config_path, "/f");
  const auto& add = std::get<AddImage>(command.action);
  EXPECT_EQ(add.name, "tiny");
  EXPECT_EQ(add.image.disk->path, "d.img");
  EXPECT_EQ(add.image.disk->format, DiskFormat::kRaw);
  EXPECT_EQ(add.image.kernel_path, "k");
  EXPECT_EQ(add.image.initrd_path, "i");
  EXPECT_EQ(add.image.cmdline, "--quiet");
  EXPECT_EQ(add.image.description, "nice");
  EXPECT_EQ(add.image.min_memory_mib, 1024U);
  EXPECT_TRUE(add.validate_only);
  const auto kernel = std::get<AddImage>(MustParse("image add tiny --kernel k").action);
  EXPECT_FALSE(kernel.image.disk.has_value());
  EXPECT_FALSE(kernel.validate_only);
}

TEST(ParseImageCommand, TheFormatIsSaidOrTheEndingTellsIt) {
  const struct {
    const char* options;
    DiskFormat format;
  } kTable[] = {{"--disk a.raw", DiskFormat::kRaw},
                {"--disk a.img", DiskFormat::kRaw},
                {"--disk a.qcow2", DiskFormat::kQcow2},
                {"--disk a.img --format qcow2", DiskFormat::kQcow2},
                {"--disk /dev/shm/a --format raw", DiskFormat::kRaw}};
  for (const auto& row : kTable) {
    const ImageCommand command = MustParse(base::StrCat("image add tiny ", row.options));
    EXPECT_EQ(std::get<AddImage>(command.action).image.disk->format, row.format) << row.options;
  }
}

TEST(ParseImageCommand, ListRemoveVerify) {
  EXPECT_TRUE(std::holds_alternative<ListImages>(MustParse("image list").action));
  const ImageCommand command = MustParse("image remove tiny --force --validate-only");
  EXPECT_EQ(command.catalog_dir, "");
  const auto& remove = std::get<RemoveImage>(command.action);
  EXPECT_EQ(remove.name, "tiny");
  EXPECT_TRUE(remove.force);
  EXPECT_TRUE(remove.validate_only);
  EXPECT_FALSE(std::get<RemoveImage>(MustParse("image remove tiny").action).force);
  EXPECT_TRUE(std::get<VerifyImages>(MustParse("image verify").action).names.empty());
  EXPECT_THAT(std::get<VerifyImages>(MustParse("image verify a b").action).names,
              testing::ElementsAre("a", "b"));
}

TEST(ParseImageCommand, RefusesBadUsage) {
  const struct {
    const char* line;
    Reason reason;
    const char* field;
  } kTable[] = {
      {"image", Reason::kFieldMissing, ""},
      {"image add", Reason::kFieldMissing, ""},
      {"image add Tiny --kernel k", Reason::kFieldMalformed, "NAME"},
      {"image remove ../x", Reason::kFieldMalformed, "NAME"},
      {"image verify a b/c", Reason::kFieldMalformed, "NAME"},
      {"image add tiny --disk disk", Reason::kFieldMissing, "--format"},
      {"image add tiny --disk a.vdi", Reason::kFieldMissing, "--format"},
      {"image add tiny --disk a.raw --format vdi", Reason::kFieldMalformed, "--format"},
      {"image add tiny --kernel k --format raw", Reason::kFieldMalformed, "--format"},
      {"image add tiny --kernel k --min-memory 96", Reason::kFieldMalformed, "--min-memory"},
      {"image add tiny --kernel=", Reason::kFieldMalformed, ""},
      {"image list extra", Reason::kFieldMalformed, ""},
  };
  for (const auto& row : kTable) {
    const std::vector<std::string> args = absl::StrSplit(row.line, ' ');
    const auto parsed = ParseCommandLine(args);
    ASSERT_FALSE(parsed.ok()) << row.line;
    EXPECT_EQ(GetErrorInfo(parsed.status()).reason, row.reason) << row.line;
    EXPECT_EQ(GetErrorInfo(parsed.status()).field, row.field) << row.line;
  }
}

TEST(ParseImageCommand, AnEmptyWordIsNotNone) {
  for (const char* option :
       {"--disk", "--kernel", "--initrd", "--cmdline", "--description", "--catalog", "--config"}) {
    const auto parsed = ParseCommandLine({"image", "add", "tiny", option, ""});
    ASSERT_FALSE(parsed.ok()) << option;
    EXPECT_EQ(GetErrorInfo(parsed.status()).field, option);
  }
}

TEST(NamingOption, PutsTheOptionInThePlaceOfTheField) {
  const absl::Status status =
      NamingOption(base::FieldError(Reason::kFieldMalformed, "initrd", "is odd"));
  EXPECT_EQ(GetErrorInfo(status).field, "--initrd");
  EXPECT_EQ(base::Message(status), "--initrd: is odd");
  const absl::Status other = base::FieldError(Reason::kFieldMalformed, "NAME", "is odd");
  EXPECT_EQ(NamingOption(other), other);
  EXPECT_TRUE(NamingOption(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace flatvm::ctl
