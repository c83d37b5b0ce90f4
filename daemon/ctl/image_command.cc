#include "daemon/ctl/image_command.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/size_text.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"

namespace flatvm::ctl {
namespace {

using base::FieldError;
using base::Reason;

// An empty path or text is a slip of the shell, as of an unset variable: it is not "none".
absl::Status CheckNotEmpty(const ImageWords& words) {
  const std::array<std::pair<const char*, const std::optional<std::string>*>, 7> options = {
      {{"--disk", &words.disk},
       {"--kernel", &words.kernel},
       {"--initrd", &words.initrd},
       {"--cmdline", &words.cmdline},
       {"--description", &words.description},
       {"--catalog", &words.catalog},
       {"--config", &words.config}}};
  for (const auto& [option, word] : options) {
    if (word->has_value() && (*word)->empty()) {
      return FieldError(Reason::kFieldMalformed, option, "must not be empty");
    }
  }
  return absl::OkStatus();
}

// By what was said, or by the name's ending; the content is never asked.
absl::StatusOr<base::DiskFormat> ParseFormat(const ImageWords& words) {
  if (words.format.has_value()) {
    if (*words.format == "raw") return base::DiskFormat::kRaw;
    if (*words.format == "qcow2") return base::DiskFormat::kQcow2;
    return FieldError(
        Reason::kFieldMalformed, "--format",
        base::StrCat("must be raw or qcow2, not \"", base::EscapeForLog(*words.format, 40), "\""));
  }
  const std::string_view disk = *words.disk;
  if (disk.ends_with(".qcow2")) return base::DiskFormat::kQcow2;
  if (disk.ends_with(".raw") || disk.ends_with(".img")) return base::DiskFormat::kRaw;
  return FieldError(Reason::kFieldMissing, "--format",
                    "must be said, raw or qcow2, for a disk whose name ends with none of .raw, "
                    ".img and .qcow2");
}

absl::StatusOr<AddImage> ParseAdd(const Words& words) {
  const ImageWords& given = words.image;
  AddImage add{.name = given.name, .validate_only = words.validate_only};
  storage::NewImage& image = add.image;
  image.description = given.description.value_or("");
  image.kernel_path = given.kernel.value_or("");
  image.initrd_path = given.initrd.value_or("");
  image.cmdline = given.cmdline.value_or("");
  if (given.min_memory.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(image.min_memory_mib,
                            base::ParseSizeMib("--min-memory", *given.min_memory));
  }
  if (given.disk.has_value()) {
    FLATVM_ASSIGN_OR_RETURN(const base::DiskFormat format, ParseFormat(given));
    image.disk = storage::NewImageDisk{.path = *given.disk, .format = format};
  } else if (given.format.has_value()) {
    return FieldError(Reason::kFieldMalformed, "--format", "makes no sense without --disk");
  }
  return add;
}

}  // namespace

absl::StatusOr<ImageCommand> ParseImageCommand(const Words& words) {
  const ImageWords& given = words.image;
  FLATVM_RETURN_IF_ERROR(CheckNotEmpty(given));
  ImageCommand command{.catalog_dir = given.catalog.value_or(""),
                       .config_path = given.config.value_or("")};
  switch (words.command) {
    case CommandWord::kImageAdd: {
      FLATVM_RETURN_IF_ERROR(base::CheckName("NAME", given.name));
      FLATVM_ASSIGN_OR_RETURN(command.action, ParseAdd(words));
      return command;
    }
    case CommandWord::kImageList:
      command.action = ListImages{.own = given.own || !words.tenant_option.empty(),
                                  .tenant = words.tenant_option};
      return command;
    case CommandWord::kImageRemove:
      FLATVM_RETURN_IF_ERROR(base::CheckName("NAME", given.name));
      command.action = RemoveImage{
          .name = given.name, .force = words.force, .validate_only = words.validate_only};
      return command;
    case CommandWord::kImageVerify:
      for (const std::string& name : given.names) {
        FLATVM_RETURN_IF_ERROR(base::CheckName("NAME", name));
      }
      command.action = VerifyImages{.names = given.names};
      return command;
    default:
      return base::InternalError("a command of images without a meaning");
  }
}

absl::Status NamingOption(const absl::Status& status) {
  static constexpr std::array<std::string_view, 6> kFields = {"disk",    "kernel",      "initrd",
                                                              "cmdline", "description", "catalog"};
  base::ErrorInfo info = base::GetErrorInfo(status);
  if (std::find(kFields.begin(), kFields.end(), info.field) == kFields.end()) return status;
  info.field = base::StrCat("--", info.field);
  // The text begins with the field.
  return base::MakeError(status.code(), info, base::StrCat("--", base::Message(status)));
}

}  // namespace flatvm::ctl
