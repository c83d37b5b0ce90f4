// How a disk's file becomes, without a copy, the file of an image that lies in it: which blocks are
// the image's, and what is left to do. Pure; in_place.h does it.
//
// A block is known by where it lies on the host's disk, which no step changes. So nothing needs to
// be known of what was done before: the steps that are left follow from the plan and the file as it
// is, wherever a crash stopped, in the middle of a step too. ext4 does shift a large file's blocks
// in several transactions (fs/ext4/extents.c, ext4_ext_shift_path_extents: it restarts the handle
// when credits run out), and changes the file's length in the last (collapse) or the first of them
// (insert): neither the length nor a count of steps would say what a crash left.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/block_map.h"
#include "storage/extent.h"

namespace flatvm::storage {

// `length` bytes of the image, from `image_offset` on, whose blocks begin at `host_offset` of the
// host's disk.
struct ImageBlocks {
  uint64_t host_offset = 0;
  uint64_t image_offset = 0;
  uint64_t length = 0;

  bool operator==(const ImageBlocks&) const = default;
};

// Plain data, to be kept until the image is there. Blocks in no place have holes.
struct InPlacePlan {
  uint64_t image_bytes = 0;
  std::vector<ImageBlocks> blocks;  // ascending and apart by `image_offset`, apart on the disk

  bool operator==(const InPlacePlan&) const = default;
};

// More blocks in a row than these make a plan too long to keep (some 60 bytes each in JSON), and
// more shifts are not worth it: these many took a seventh of what a copy of 2 GiB took.
constexpr size_t kMaxImageBlocks = 16384;
constexpr size_t kMaxShifts = 4096;

struct InPlaceStep {
  // fallocate(2)'s three, and ftruncate(2) to `offset`.
  enum class Kind { kPunch, kCollapse, kInsert, kTruncate };
  Kind kind = Kind::kPunch;
  uint64_t offset = 0;
  uint64_t length = 0;

  bool operator==(const InPlaceStep&) const = default;
};

// The plan for a disk whose file has `map`. `extents` passed extent_check.h. nullopt, and a copy is
// the better way: the extents do not ascend on the disk, they or the map are not of whole blocks of
// the host's filesystem, the file would become too long for it meanwhile, or a limit above.
std::optional<InPlacePlan> MakeInPlacePlan(const std::vector<Extent>& extents, uint64_t image_bytes,
                                           const BlockMap& map, uint64_t block_bytes);

// What is left to do for a file that has `map`; nothing: it is the image. Any beginning of these
// steps may be done, and the last of it in part, before this is asked again. Errors: INTERNAL, if
// not every block of the plan is in the file, once and in the plan's order: then it is another
// file's plan; or for a plan that is none.
absl::StatusOr<std::vector<InPlaceStep>> FindSteps(const InPlacePlan& plan, const BlockMap& map);

}  // namespace flatvm::storage
