// A new image's files: checked where the operator has them, then copied into a directory. Knows
// nothing of the catalog or of names in it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "storage/image_file.h"
#include "storage/image_manifest.h"
#include "storage/new_image.h"

namespace flatvm::storage {

// Told what begins, such as "copying disk.raw", before each step that may take long. May be empty.
using StepFn = std::function<void(const std::string& what)>;

struct SourceFile {
  std::string name;  // the copy's
  ImageFile file;    // the operator's
  std::optional<base::DiskFormat> disk_format;
};

struct PreparedImage {
  ImageManifest manifest;  // without digests
  std::vector<SourceFile> files;
  uint32_t disk_mib = 0;  // virtual size; 0: no disk
};

// Opens the files and checks all that can be known before a copy. Errors, each naming one of
// "disk", "kernel", "initrd", "cmdline" and "description" as field, with which the text begins:
// INVALID_ARGUMENT with kFieldMissing or kFieldMalformed, also for a file that cannot be opened;
// FAILED_PRECONDITION / kImageUnusable for what a file is. Also INTERNAL.
absl::StatusOr<PreparedImage> PrepareImage(const NewImage& image);

// Copies the files into the open, empty `directory`, blocks shared where the filesystem can and
// holes kept, and writes image.json with their digests. All of it is mode 0644, so that QEMU's user
// can read it, and on the disk afterwards. The digests are those of the copies. Errors: INTERNAL;
// FAILED_PRECONDITION / kImageUnusable if the disk was changed meanwhile; a part may then be there.
// Blocks for as long as copying and reading takes.
absl::Status WriteImage(int directory, const PreparedImage& image, const StepFn& step);

}  // namespace flatvm::storage
