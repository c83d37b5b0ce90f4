// An image's way out of a quota disk, on open files: found, taken, and the disk made anew without
// it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/steps.h"
#include "daemon/quota_worker/ext4_tools.h"
#include "daemon/quota_worker/image_way.h"
#include "storage/extfs/image.h"

namespace flatvm::quota_worker {

// The image at `path`, of at most the disk's size, raw: one that begins like a qcow2 image is
// refused. Errors: those of extfs::Filesystem::Open and FindImage.
absl::StatusOr<extfs::Image> FindRawImage(int disk, const std::string& path);

struct ImageExit {
  int disk = -1;     // open for reading
  std::string path;  // in it
  ImageWay way = ImageWay::kCopy;
  int image = -1;     // empty, open for reading and writing; kLeave: not touched
  int new_disk = -1;  // likewise; kShare: it shares all of the disk's blocks already
  uint32_t new_disk_mib = 0;
};

// Gives both files what they are to have, and fsyncs them; `found` is FindRawImage's. Errors:
// FAILED_PRECONDITION / kQuotaDiskUnusable, kQuotaDiskFull; INTERNAL. Blocks.
absl::Status TakeImageOut(const ImageExit& exit, const extfs::Image& found, const Ext4Tools& tools,
                          const base::Steps& steps = {});

}  // namespace flatvm::quota_worker
