// Turns a disk's file into the file of an image that lies in it: everything else is taken out, and
// no byte of the image is copied, but for extents that lie in another order. For ext4, which cannot
// share blocks; extent_copy.h is the other way. Knows nothing of names, and not who still needs the
// rest of the disk: nobody may.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/extent.h"
#include "storage/in_place_plan.h"

namespace flatvm::storage {

// More runs of blocks than these are a file in crumbs; its map takes 1.5 MiB.
constexpr size_t kMaxBlockRuns = 65536;

// More of an image in strays than one part of this many, and a copy is the better way; more bytes,
// and what flatvmd itself would copy is too much.
constexpr uint64_t kStrayShare = 4;
constexpr uint64_t kMaxStrayBytes = uint64_t{1} << 30U;

// How a disk becomes an image.
struct InPlaceWay {
  InPlacePlan plan;
  // What no shift brings into its place: holes in the image after FinishInPlace, for the caller to
  // fill with what it copied from the disk before.
  std::vector<Extent> strays;
};

// What FinishInPlace will need, for the caller to have on its disk before that. `disk` is open for
// writing; nobody writes to it from here on until the image is there. It is on the disk when this
// returns, and unchanged. `directory`, where it lies, is tried with a small unnamed file. nullopt,
// and a copy is the better or only way: see MakeInPlacePlan and the limits above; a filesystem that
// is not ext4 or cannot shift blocks; blocks that FindBlockMap refuses. Errors: those of
// CheckExtents; INTERNAL. Blocks on the disk.
absl::StatusOr<std::optional<InPlaceWay>> PlanInPlace(int disk, int directory,
                                                      const std::vector<Extent>& extents,
                                                      uint64_t image_bytes);

// Makes the file the image, and waits until it is so on the disk. May be called again after any
// failure or crash, and after it was done, but no longer once somebody wrote to the image: blocks
// that are not the plan's are taken out. Errors: INTERNAL; nothing touched if the plan is not this
// file's. `before_step` may be empty. Blocks on the disk.
absl::Status FinishInPlace(int file, const InPlacePlan& plan,
                           const std::function<void()>& before_step = {});

// The parts of FinishInPlace, for tests that stop between them.
absl::StatusOr<std::vector<InPlaceStep>> ReadSteps(int file, const InPlacePlan& plan);
absl::Status TakeStep(int file, const InPlaceStep& step);

}  // namespace flatvm::storage
