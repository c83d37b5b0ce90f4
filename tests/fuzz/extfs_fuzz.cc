// A quota disk of any bytes: whatever they are, extfs ends with an answer, and one that holds what
// its headers promise.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/image.h"
#include "storage/extfs/used_blocks.h"
#include "storage/qcow2_header.h"

namespace {

using flatvm::extfs::Access;
using flatvm::extfs::Filesystem;
using flatvm::extfs::Image;
using flatvm::storage::Extent;

constexpr uint64_t kMaxImageBytes = uint64_t{1} << 30U;

#define HOLDS(what)                                                           \
  do {                                                                        \
    if (!(what)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
      std::abort();                                                           \
    }                                                                         \
  } while (false)

void CheckExtents(const std::vector<Extent>& extents, uint64_t file_bytes, uint64_t disk_bytes,
                  uint64_t block_bytes) {
  uint64_t end = 0;
  for (const Extent& extent : extents) {
    HOLDS(extent.length > 0 && extent.length % block_bytes == 0);
    HOLDS(extent.file_offset >= end && extent.file_offset % block_bytes == 0);
    HOLDS(extent.disk_offset % block_bytes == 0);
    HOLDS(extent.length <= disk_bytes && extent.disk_offset <= disk_bytes - extent.length);
    end = extent.file_offset + extent.length;
    HOLDS(end < file_bytes + block_bytes);
  }
}

void Read(int disk, uint64_t disk_bytes, Access access) {
  auto fs = Filesystem::Open(disk, access);
  if (!fs.ok()) return;
  const auto usage = fs->usage();
  HOLDS(usage.blocks * usage.block_bytes <= disk_bytes && usage.free_blocks <= usage.blocks);
  const auto image = FindImage(*fs, "images/web.raw", kMaxImageBytes);
  if (!image.ok()) return;
  HOLDS(image->bytes > 0 && image->bytes % 512 == 0 && image->bytes <= kMaxImageBytes);
  CheckExtents(image->extents, image->bytes, disk_bytes, usage.block_bytes);
  const auto beginning = ReadBeginning(disk, *image, flatvm::storage::kQcow2HeaderBytes);
  HOLDS(beginning.ok());
  const auto used = UsedExtents(*fs, image->extents);
  if (used.ok()) CheckExtents(*used, disk_bytes, disk_bytes, usage.block_bytes);
  if (access == Access::kRead) return;
  if (!RemoveImage(&*fs, *image).ok()) return;
  if (fs->Commit().ok()) HOLDS(::lseek(disk, 0, SEEK_END) == static_cast<off_t>(disk_bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const flatvm::base::UniqueFd disk(::memfd_create("disk", MFD_CLOEXEC));
  HOLDS(disk.valid());
  HOLDS(::pwrite(disk.get(), data, size, 0) == static_cast<ssize_t>(size));
  Read(disk.get(), size, Access::kRead);
  Read(disk.get(), size, Access::kReadWrite);
  return 0;
}
