// Turns a disk's file into the file of an image that lies in it: everything else is taken out, and
// no byte of the image is copied. For ext4, which cannot share blocks; extent_copy.h is the other
// way. Knows nothing of names, and not who still needs the rest of the disk: nobody may.
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

// What FinishInPlace will need, for the caller to have on its disk before that. `disk` is open for
// writing; nobody writes to it from here on until the image is there. It is on the disk when this
// returns, and unchanged. `directory`, where it lies, is tried with a small unnamed file. nullopt,
// and a copy is the better or only way: see MakeInPlacePlan; a filesystem that is not ext4 or
// cannot shift blocks; blocks that FindBlockMap refuses. Errors: those of CheckExtents; INTERNAL.
// Blocks on the disk.
absl::StatusOr<std::optional<InPlacePlan>> PlanInPlace(int disk, int directory,
                                                       const std::vector<Extent>& extents,
                                                       uint64_t image_bytes);

// Makes the file the image, and waits until it is so on the disk. May be called again after any
// failure or crash, and after it was done, but no longer once somebody wrote to the image: blocks
// that are not the plan's are taken out. Errors: INTERNAL; nothing touched if the plan is not this
// file's. `before_step` may be empty. Blocks on the disk; measured: TODO.
absl::Status FinishInPlace(int file, const InPlacePlan& plan,
                           const std::function<void()>& before_step = {});

// The parts of FinishInPlace, for tests that stop between them.
absl::StatusOr<std::vector<InPlaceStep>> ReadSteps(int file, const InPlacePlan& plan);
absl::Status TakeStep(int file, const InPlaceStep& step);

}  // namespace flatvm::storage
