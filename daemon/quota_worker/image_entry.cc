#include "daemon/quota_worker/image_entry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/types.h"
#include "daemon/quota_worker/disk_copy.h"
#include "daemon/quota_worker/explain_failure.h"
#include "storage/extent_fill.h"
#include "storage/extfs/filesystem.h"
#include "storage/extfs/new_file.h"

namespace flatvm::quota_worker {
namespace {

absl::StatusOr<struct stat> Stat(int file) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return base::ErrnoError(errno, "fstat");
  return info;
}

// What blocks of the host's filesystem begin at multiples of, so that they can be shared.
uint64_t AlignmentOf(const struct stat& info) {
  constexpr uint64_t kUsual = 4096;
  constexpr uint64_t kLargest = 65536;
  const auto bytes = static_cast<uint64_t>(info.st_blksize);
  return std::has_single_bit(bytes) && bytes <= kLargest ? bytes : kUsual;
}

absl::Status AddImage(const ImageEntry& entry, const base::Steps& steps) {
  FLATVM_ASSIGN_OR_RETURN(const struct stat image, Stat(entry.image));
  FLATVM_ASSIGN_OR_RETURN(const struct stat new_disk, Stat(entry.new_disk));
  const auto bytes = static_cast<uint64_t>(image.st_size);
  extfs::NewFile file{.bytes = bytes, .data = {}, .alignment = AlignmentOf(new_disk)};
  FLATVM_ASSIGN_OR_RETURN(file.data, storage::FindData(entry.image, bytes));
  FLATVM_ASSIGN_OR_RETURN(extfs::Filesystem fs,
                          extfs::Filesystem::Open(entry.new_disk, extfs::Access::kReadWrite));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<storage::Extent> extents,
                          extfs::AddFile(&fs, entry.path, file));
  FLATVM_RETURN_IF_ERROR(storage::FillExtents(entry.image, bytes, extents, entry.new_disk,
                                              storage::CopyMeans::kKernel));
  steps.Pass("worker.back.written");
  return fs.Commit();
}

absl::Status MakeNewDisk(const ImageEntry& entry, const Ext4Tools& tools,
                         const base::Steps& steps) {
  if (entry.way == ImageWay::kCopy) {
    FLATVM_RETURN_IF_ERROR(CopyUsedBlocks(entry.disk, {}, entry.new_disk));
  }
  steps.Pass("worker.back.filled");
  FLATVM_RETURN_IF_ERROR(tools.Grow(entry.new_disk, entry.new_disk_mib));
  steps.Pass("worker.back.grown");
  FLATVM_RETURN_IF_ERROR(AddImage(entry, steps));
  steps.Pass("worker.back.added");
  FLATVM_RETURN_IF_ERROR(tools.Check(entry.new_disk));
  steps.Pass("worker.back.verified");
  if (::fsync(entry.new_disk) != 0) return base::ErrnoError(errno, "fsync");
  steps.Pass("worker.back.synced");
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckEntry(int disk, const std::string& path, uint64_t data_bytes,
                        uint32_t new_disk_mib) {
  FLATVM_ASSIGN_OR_RETURN(const extfs::Filesystem fs,
                          extfs::Filesystem::Open(disk, extfs::Access::kRead));
  FLATVM_RETURN_IF_ERROR(extfs::CheckPlace(fs, path));
  return extfs::CheckRoom(fs, data_bytes, new_disk_mib * base::kMebibyte);
}

absl::Status PutImageBack(const ImageEntry& entry, const Ext4Tools& tools,
                          const base::Steps& steps) {
  const absl::Status made = MakeNewDisk(entry, tools, steps);
  if (!absl::IsInternal(made)) return made;
  return ExplainFailure(made, {.disk = entry.disk, .except = {}, .copy = entry.new_disk}, tools);
}

}  // namespace flatvm::quota_worker
