#include "storage/extfs/free_blocks.h"

#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <functional>

#include "storage/extfs/disk_error.h"
#include "storage/extfs/filesystem.h"

namespace flatvm::extfs {
namespace {

// What of the free runs begins and ends at multiples of `unit`; ascending.
std::vector<BlockRun> FreeRuns(const Filesystem& fs, uint64_t unit) {
  ext2_filsys handle = fs.handle();
  const blk64_t last = ext2fs_blocks_count(handle->super) - 1;
  std::vector<BlockRun> runs;
  blk64_t at = handle->super->s_first_data_block;
  while (at <= last) {
    blk64_t begin = 0;
    if (ext2fs_find_first_zero_block_bitmap2(handle->block_map, at, last, &begin) != 0) break;
    blk64_t end = 0;
    if (ext2fs_find_first_set_block_bitmap2(handle->block_map, begin, last, &end) != 0) {
      end = last + 1;
    }
    at = end;
    const uint64_t first = (begin + unit - 1) / unit * unit;
    const uint64_t behind = end / unit * unit;
    if (first < behind) runs.push_back({.first = first, .count = behind - first});
  }
  return runs;
}

// Those of `runs` that are needed for `count` blocks if the largest are taken first; empty: all of
// them are too few.
std::vector<BlockRun> LargestFor(std::vector<BlockRun> runs, uint64_t count) {
  std::vector<uint64_t> sizes;
  sizes.reserve(runs.size());
  for (const BlockRun& run : runs) sizes.push_back(run.count);
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  uint64_t sum = 0;
  for (const uint64_t size : sizes) {
    sum += size;
    if (sum < count) continue;
    std::erase_if(runs, [size](const BlockRun& run) { return run.count < size; });
    return runs;
  }
  return {};
}

}  // namespace

absl::StatusOr<std::vector<PlacedRun>> FindPlaces(const Filesystem& fs,
                                                  const std::vector<BlockRun>& wanted,
                                                  uint64_t unit) {
  std::vector<PlacedRun> places;
  uint64_t count = 0;
  for (const BlockRun& run : wanted) count += (run.count + unit - 1) / unit * unit;
  if (count == 0) return places;
  std::vector<BlockRun> free = LargestFor(FreeRuns(fs, unit), count);
  if (free.empty() && unit > 1) return FindPlaces(fs, wanted, 1);
  if (free.empty()) return FullDisk();
  size_t next = 0;
  for (BlockRun run : wanted) {
    while (run.count > 0) {
      BlockRun& place = free[next];
      const uint64_t taken = std::min(run.count, place.count);
      places.push_back({.logical = run.first, .first = place.first, .count = taken});
      run.first += taken;
      run.count -= taken;
      // The rest of a last unit is nobody's.
      const uint64_t used = std::min((taken + unit - 1) / unit * unit, place.count);
      place.first += used;
      place.count -= used;
      if (place.count == 0) ++next;
    }
  }
  return places;
}

}  // namespace flatvm::extfs
