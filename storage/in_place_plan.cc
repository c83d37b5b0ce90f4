#include "storage/in_place_plan.h"

#include <algorithm>

#include "daemon/base/error.h"

namespace flatvm::storage {
namespace {

using Kind = InPlaceStep::Kind;

// Of ext4: the numbers of a file's blocks have 32 bits.
constexpr uint64_t kMaxFileBlocks = 0xFFFFFFFF;

// Blocks of the image, where they are now.
struct Part {
  uint64_t offset = 0;
  uint64_t image_offset = 0;
  uint64_t length = 0;
  bool others_before = false;  // blocks that are not the image's, since the part before
};

struct Layout {
  std::vector<Part> parts;    // ascending by `offset`
  bool others_after = false;  // behind the last part
};

// Where the image continues behind a part, now or in the end; 0 before the first.
uint64_t EndNow(const std::vector<Part>& parts, size_t count) {
  return count == 0 ? 0 : parts[count - 1].offset + parts[count - 1].length;
}
uint64_t EndInImage(const std::vector<Part>& parts, size_t count) {
  return count == 0 ? 0 : parts[count - 1].image_offset + parts[count - 1].length;
}

// What Cut relies on. A plan comes back from a file of the caller's.
bool IsSound(const InPlacePlan& plan, const std::vector<ImageBlocks>& by_host) {
  uint64_t end = 0;
  for (const ImageBlocks& blocks : plan.blocks) {
    if (blocks.image_offset < end || blocks.length == 0) return false;
    end = blocks.image_offset + blocks.length;
  }
  end = 0;
  for (const ImageBlocks& blocks : by_host) {
    if (blocks.host_offset < end) return false;
    end = blocks.host_offset + blocks.length;
  }
  return true;
}

// Cuts one run of the file into what is the image's and what is not.
void Cut(const BlockRun& run, const std::vector<ImageBlocks>& by_host, Layout* layout) {
  const uint64_t run_end = run.host_offset + run.length;
  auto blocks = std::upper_bound(by_host.begin(), by_host.end(), run.host_offset,
                                 [](uint64_t host_offset, const ImageBlocks& candidate) {
                                   return host_offset < candidate.host_offset + candidate.length;
                                 });
  uint64_t at = run.host_offset;
  for (; blocks != by_host.end() && blocks->host_offset < run_end; ++blocks) {
    if (blocks->host_offset > at) {
      layout->others_after = true;
      at = blocks->host_offset;
    }
    const uint64_t end = std::min(run_end, blocks->host_offset + blocks->length);
    layout->parts.push_back({.offset = run.offset + (at - run.host_offset),
                             .image_offset = blocks->image_offset + (at - blocks->host_offset),
                             .length = end - at,
                             .others_before = layout->others_after});
    layout->others_after = false;
    at = end;
  }
  if (at < run_end) layout->others_after = true;
}

// Whether the parts are the plan's blocks, all of them, in their order. They lie within the plan's,
// so that it is enough if they ascend and have the same sum.
bool IsWhole(const InPlacePlan& plan, const std::vector<Part>& parts) {
  uint64_t planned = 0;
  for (const ImageBlocks& blocks : plan.blocks) planned += blocks.length;
  uint64_t found = 0;
  uint64_t end = 0;
  for (const Part& part : parts) {
    if (part.image_offset < end) return false;
    end = part.image_offset + part.length;
    found += part.length;
  }
  return found == planned;
}

// Where the image is in a file that has `map`.
absl::StatusOr<Layout> Locate(const InPlacePlan& plan, const BlockMap& map) {
  std::vector<ImageBlocks> by_host = plan.blocks;
  std::sort(by_host.begin(), by_host.end(), [](const ImageBlocks& a, const ImageBlocks& b) {
    return a.host_offset < b.host_offset;
  });
  if (!IsSound(plan, by_host)) return base::InternalError("the plan of an image is not sound");
  Layout layout;
  for (const BlockRun& run : map.runs) Cut(run, by_host, &layout);
  if (!IsWhole(plan, layout.parts)) {
    return base::InternalError("the file does not have the blocks of the image that is planned");
  }
  return layout;
}

// Of `extent`, what has blocks: appended to the plan's.
void AppendBlocks(const Extent& extent, const BlockRun& run, std::vector<ImageBlocks>* blocks) {
  const uint64_t begin = std::max(extent.disk_offset, run.offset);
  const uint64_t end = std::min(extent.disk_offset + extent.length, run.offset + run.length);
  if (begin >= end) return;
  const ImageBlocks fresh = {.host_offset = run.host_offset + (begin - run.offset),
                             .image_offset = extent.file_offset + (begin - extent.disk_offset),
                             .length = end - begin};
  if (!blocks->empty()) {
    ImageBlocks& last = blocks->back();
    if (last.host_offset + last.length == fresh.host_offset &&
        last.image_offset + last.length == fresh.image_offset) {
      last.length += fresh.length;
      return;
    }
  }
  blocks->push_back(fresh);
}

bool IsOfWholeBlocks(uint64_t a, uint64_t b, uint64_t length, uint64_t block_bytes) {
  return a % block_bytes == 0 && b % block_bytes == 0 && length % block_bytes == 0;
}

}  // namespace

std::optional<InPlacePlan> MakeInPlacePlan(const std::vector<Extent>& extents, uint64_t image_bytes,
                                           const BlockMap& map, uint64_t block_bytes) {
  for (const BlockRun& run : map.runs) {
    if (!IsOfWholeBlocks(run.offset, run.host_offset, run.length, block_bytes)) return std::nullopt;
  }
  // Between its steps the file is at most as long as both.
  if (image_bytes > kMaxFileBlocks * block_bytes ||
      map.bytes > kMaxFileBlocks * block_bytes - image_bytes) {
    return std::nullopt;
  }
  // What the last step leaves: blocks behind it are not the image's.
  const uint64_t kept = (image_bytes + block_bytes - 1) / block_bytes * block_bytes;
  InPlacePlan plan{.image_bytes = image_bytes, .blocks = {}};
  uint64_t disk_end = 0;  // of the extent before
  size_t next = 0;        // the first run that may overlap the extent
  for (Extent extent : extents) {
    if (extent.disk_offset < disk_end ||
        !IsOfWholeBlocks(extent.disk_offset, extent.file_offset, extent.length, block_bytes)) {
      return std::nullopt;
    }
    disk_end = extent.disk_offset + extent.length;
    if (extent.file_offset >= kept) continue;
    extent.length = std::min(extent.length, kept - extent.file_offset);
    while (next < map.runs.size() &&
           map.runs[next].offset + map.runs[next].length <= extent.disk_offset) {
      ++next;
    }
    for (size_t i = next; i < map.runs.size() && map.runs[i].offset < disk_end; ++i) {
      AppendBlocks(extent, map.runs[i], &plan.blocks);
    }
    if (plan.blocks.size() > kMaxImageBlocks) return std::nullopt;
  }
  const absl::StatusOr<std::vector<InPlaceStep>> steps = FindSteps(plan, map);
  if (!steps.ok()) return std::nullopt;  // the map has a block twice: no file of ours
  const auto shifts = std::count_if(steps->begin(), steps->end(), [](const InPlaceStep& step) {
    return step.kind == Kind::kCollapse || step.kind == Kind::kInsert;
  });
  if (static_cast<size_t>(shifts) > kMaxShifts) return std::nullopt;
  return plan;
}

absl::StatusOr<std::vector<InPlaceStep>> FindSteps(const InPlacePlan& plan, const BlockMap& map) {
  FLATVM_ASSIGN_OR_RETURN(const Layout layout, Locate(plan, map));
  const std::vector<Part>& parts = layout.parts;
  std::vector<InPlaceStep> steps;
  // First everything that frees blocks, so that shifts find holes only.
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].others_before) continue;
    const uint64_t end = EndNow(parts, i);
    steps.push_back({Kind::kPunch, end, parts[i].offset - end});
  }
  uint64_t bytes = map.bytes;
  if (layout.others_after) {
    bytes = EndNow(parts, parts.size());
    steps.push_back({Kind::kTruncate, bytes, 0});
  }
  // From the end to the beginning: a shift moves nothing that the next ones count from, and the
  // host's cache, which it drops from there on, is dropped once.
  for (size_t i = parts.size(); i-- > 0;) {
    const uint64_t end = EndNow(parts, i);
    const uint64_t gap = parts[i].offset - end;
    const uint64_t wanted = parts[i].image_offset - EndInImage(parts, i);
    if (gap > wanted) {
      steps.push_back({Kind::kCollapse, end, gap - wanted});
      bytes -= gap - wanted;
    } else if (gap < wanted) {
      steps.push_back({Kind::kInsert, end, wanted - gap});
      bytes += wanted - gap;
    }
  }
  if (bytes != plan.image_bytes) steps.push_back({Kind::kTruncate, plan.image_bytes, 0});
  return steps;
}

}  // namespace flatvm::storage
