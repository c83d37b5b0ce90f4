#include "storage/extfs/used_blocks.h"

#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "daemon/base/error.h"
#include "storage/extfs/disk_error.h"
#include "storage/extfs/filesystem.h"

namespace flatvm::extfs {
namespace {

using storage::Extent;

// Takes ranges of bytes that ascend, and keeps what is not excepted.
class Collector {
 public:
  explicit Collector(std::vector<Extent> except) : except_(std::move(except)) {
    std::sort(except_.begin(), except_.end(),
              [](const Extent& a, const Extent& b) { return a.disk_offset < b.disk_offset; });
  }

  absl::Status Add(uint64_t begin, uint64_t end) {
    while (begin < end) {
      while (next_ < except_.size() && EndOf(except_[next_]) <= begin) ++next_;
      const bool meets = next_ < except_.size() && except_[next_].disk_offset < end;
      const uint64_t stop = meets ? std::max(except_[next_].disk_offset, begin) : end;
      FLATVM_RETURN_IF_ERROR(Append(begin, stop));
      begin = meets ? EndOf(except_[next_]) : end;
    }
    return absl::OkStatus();
  }

  std::vector<Extent> Take() { return std::move(extents_); }

 private:
  static uint64_t EndOf(const Extent& extent) { return extent.disk_offset + extent.length; }

  absl::Status Append(uint64_t begin, uint64_t end) {
    if (begin == end) return absl::OkStatus();
    if (!extents_.empty() && EndOf(extents_.back()) == begin) {
      extents_.back().length += end - begin;
      return absl::OkStatus();
    }
    if (extents_.size() == kMaxUsedExtents) {
      return UnusableDisk("is too fragmented: it has more than 4194304 runs of used blocks");
    }
    extents_.push_back({.file_offset = begin, .disk_offset = begin, .length = end - begin});
    return absl::OkStatus();
  }

  std::vector<Extent> except_;
  size_t next_ = 0;
  std::vector<Extent> extents_;
};

}  // namespace

absl::StatusOr<std::vector<Extent>> UsedExtents(const Filesystem& fs, std::vector<Extent> except) {
  ext2_filsys handle = fs.handle();
  const uint64_t block_bytes = handle->blocksize;
  const blk64_t last = ext2fs_blocks_count(handle->super) - 1;
  Collector collector(std::move(except));
  blk64_t at = handle->super->s_first_data_block;
  // In front of the first block of 1 KiB: a boot sector's place.
  FLATVM_RETURN_IF_ERROR(collector.Add(0, at * block_bytes));
  while (at <= last) {
    blk64_t begin = 0;
    if (ext2fs_find_first_set_block_bitmap2(handle->block_map, at, last, &begin) != 0) break;
    blk64_t end = 0;
    if (ext2fs_find_first_zero_block_bitmap2(handle->block_map, begin, last, &end) != 0) {
      end = last + 1;
    }
    FLATVM_RETURN_IF_ERROR(collector.Add(begin * block_bytes, end * block_bytes));
    at = end;
  }
  return collector.Take();
}

}  // namespace flatvm::extfs
