// An image's way back onto a quota disk, on open files: the disk made anew, larger, with the image
// as a file.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "daemon/base/steps.h"
#include "daemon/quota_worker/ext4_tools.h"
#include "daemon/quota_worker/image_way.h"

namespace flatvm::quota_worker {

// That a file can be made at `path` of `disk`, open for reading, and that `data_bytes` will find
// room when it has `new_disk_mib`. Errors: those of extfs::Filesystem::Open, CheckPlace, CheckRoom.
absl::Status CheckEntry(int disk, const std::string& path, uint64_t data_bytes,
                        uint32_t new_disk_mib);

struct ImageEntry {
  int disk = -1;                   // open for reading
  std::string path;                // in it
  ImageWay way = ImageWay::kCopy;  // kShare or kCopy: how `new_disk` comes to what `disk` has
  int image = -1;                  // open for reading
  int new_disk = -1;  // open for both, `new_disk_mib` long; kShare: shares all of the disk's blocks
  uint32_t new_disk_mib = 0;
};

// Gives `new_disk` what it is to have, and fsyncs it. The image's blocks are shared where the
// host's filesystem can. Errors: FAILED_PRECONDITION / kQuotaPathUnusable, kQuotaDiskFull,
// kQuotaDiskUnusable; INTERNAL. Blocks.
absl::Status PutImageBack(const ImageEntry& entry, const Ext4Tools& tools,
                          const base::Steps& steps = {});

}  // namespace flatvm::quota_worker
