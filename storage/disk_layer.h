// A secondary's own disk: a qcow2 layer on an image's disk, made by qemu-img.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "storage/tenant_storage.h"

namespace flatvm::storage {

// Makes `path`, which must not be there, mode 0600, of `size_mib` virtual MiB on `backing`, and
// fsyncs it. Formats are named, never probed, and
// nothing is read of the image. On failure a part of the file may be left. Errors:
// DEADLINE_EXCEEDED / kStageTimedOut after 30 s; INTERNAL with qemu-img's text. Blocks.
absl::Status MakeDiskLayer(const std::string& qemu_img_program, const std::string& path,
                           const ImageDisk& backing, uint32_t size_mib);

// fsync of a directory: entries made or removed in it last.
absl::Status SyncDirectory(const std::string& path);

}  // namespace flatvm::storage
