#include "storage/block_map.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "daemon/base/error.h"

namespace flatvm::storage {
namespace {

// 28 KiB: few calls even for a file of thousands of pieces.
constexpr uint32_t kBatch = 512;
constexpr uint32_t kHarmless = FIEMAP_EXTENT_LAST | FIEMAP_EXTENT_UNWRITTEN | FIEMAP_EXTENT_MERGED;

using Batch = std::vector<struct fiemap_extent>;

// What is mapped from `start` on; nullopt where the filesystem has no maps.
absl::StatusOr<std::optional<Batch>> ReadBatch(int file, uint64_t start) {
  // The request with its answer behind it, aligned for both.
  std::vector<uint64_t> memory((sizeof(struct fiemap) + kBatch * sizeof(struct fiemap_extent)) /
                               sizeof(uint64_t));
  struct fiemap request {};
  request.fm_start = start;
  request.fm_length = FIEMAP_MAX_OFFSET - start;
  request.fm_flags = FIEMAP_FLAG_SYNC;
  request.fm_extent_count = kBatch;
  std::memcpy(memory.data(), &request, sizeof(request));
  while (::ioctl(file, FS_IOC_FIEMAP, memory.data()) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EBADR) return std::nullopt;
    return base::ErrnoError(errno, "FIEMAP");
  }
  std::memcpy(&request, memory.data(), sizeof(request));
  Batch batch(request.fm_mapped_extents);
  if (batch.size() > kBatch) return base::InternalError("FIEMAP gave more than was asked for");
  if (!batch.empty()) {
    std::memcpy(batch.data(), memory.data() + sizeof(request) / sizeof(uint64_t),
                batch.size() * sizeof(struct fiemap_extent));
  }
  return batch;
}

void Append(const struct fiemap_extent& extent, std::vector<BlockRun>* runs) {
  if (!runs->empty()) {
    BlockRun& last = runs->back();
    if (last.offset + last.length == extent.fe_logical &&
        last.host_offset + last.length == extent.fe_physical) {
      last.length += extent.fe_length;
      return;
    }
  }
  runs->push_back(
      {.offset = extent.fe_logical, .host_offset = extent.fe_physical, .length = extent.fe_length});
}

}  // namespace

absl::StatusOr<std::optional<BlockMap>> FindBlockMap(int file, size_t max_runs) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return base::ErrnoError(errno, "stat a file to map");
  BlockMap map{.bytes = static_cast<uint64_t>(info.st_size), .runs = {}};
  uint64_t end = 0;  // of what is mapped
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(const std::optional<Batch> batch, ReadBatch(file, end));
    if (!batch.has_value()) return std::nullopt;
    for (const struct fiemap_extent& extent : *batch) {
      if ((extent.fe_flags & ~kHarmless) != 0) return std::nullopt;
      if (extent.fe_logical < end || extent.fe_length == 0) {
        return base::InternalError("FIEMAP's extents do not ascend");
      }
      Append(extent, &map.runs);
      end = extent.fe_logical + extent.fe_length;
      if (map.runs.size() > max_runs) return std::nullopt;
    }
    if (batch->empty() || (batch->back().fe_flags & FIEMAP_EXTENT_LAST) != 0) return map;
  }
}

}  // namespace flatvm::storage
