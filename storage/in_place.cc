#include "storage/in_place.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "storage/ascending.h"
#include "storage/block_map.h"
#include "storage/extent_check.h"

namespace flatvm::storage {
namespace {

// The size of a block where a file's blocks can be shifted as we need it; 0 where not.
//
// XFS shifts too, but nobody tried what a power cut leaves there, and it shares blocks anyway.
absl::StatusOr<uint64_t> FindBlockBytes(int file) {
  struct statfs filesystem {};
  if (::fstatfs(file, &filesystem) != 0) return base::ErrnoError(errno, "statfs");
  if (filesystem.f_type != EXT4_SUPER_MAGIC || filesystem.f_bsize <= 0) {
    return uint64_t{0};
  }
  int flags = 0;
  if (::ioctl(file, FS_IOC_GETFLAGS, &flags) != 0) return base::ErrnoError(errno, "GETFLAGS");
  // Without it, blocks are in lists as on ext3.
  if ((static_cast<unsigned>(flags) & FS_EXTENT_FL) == 0) return uint64_t{0};
  return static_cast<uint64_t>(filesystem.f_bsize);
}

// Whether it can be done to a file here, which ext4's features (bigalloc, encryption) and kernels
// decide; told by doing it.
absl::StatusOr<bool> CanShift(int directory, uint64_t block_bytes) {
  const base::UniqueFd trial(::openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!trial.valid()) return base::ErrnoError(errno, "open an unnamed file");
  const std::string blocks(3 * block_bytes, 'x');
  const auto block = static_cast<off_t>(block_bytes);
  if (::pwrite(trial.get(), blocks.data(), blocks.size(), 0) != 3 * block) {
    return base::ErrnoError(errno, "write an unnamed file");
  }
  return ::fallocate(trial.get(), FALLOC_FL_COLLAPSE_RANGE, block, block) == 0 &&
         ::fallocate(trial.get(), FALLOC_FL_INSERT_RANGE, block, block) == 0;
}

absl::Status Sync(int file) {
  if (::fsync(file) == 0) return absl::OkStatus();
  return base::ErrnoError(errno, "fsync");
}

}  // namespace

absl::StatusOr<std::optional<InPlaceWay>> PlanInPlace(int disk, int directory,
                                                      const std::vector<Extent>& extents,
                                                      uint64_t image_bytes) {
  struct stat info {};
  if (::fstat(disk, &info) != 0) return base::ErrnoError(errno, "stat the disk");
  FLATVM_RETURN_IF_ERROR(CheckExtents(extents, image_bytes, static_cast<uint64_t>(info.st_size)));
  FLATVM_ASSIGN_OR_RETURN(const uint64_t block_bytes, FindBlockBytes(disk));
  if (block_bytes == 0) return std::nullopt;
  AscendingSplit split = SplitAscending(extents);
  if (split.stray_bytes > std::min(image_bytes / kStrayShare, kMaxStrayBytes)) return std::nullopt;
  FLATVM_ASSIGN_OR_RETURN(const bool can_shift, CanShift(directory, block_bytes));
  if (!can_shift) return std::nullopt;
  // A map that a crash can undo would make a plan for blocks that nobody finds again.
  FLATVM_RETURN_IF_ERROR(Sync(disk));
  FLATVM_ASSIGN_OR_RETURN(const std::optional<BlockMap> map, FindBlockMap(disk, kMaxBlockRuns));
  if (!map.has_value()) return std::nullopt;
  std::optional<InPlacePlan> plan = MakeInPlacePlan(split.kept, image_bytes, *map, block_bytes);
  if (!plan.has_value()) return std::nullopt;
  return InPlaceWay{.plan = *std::move(plan), .strays = std::move(split.strays)};
}

absl::StatusOr<std::vector<InPlaceStep>> ReadSteps(int file, const InPlacePlan& plan) {
  // Cutting at the blocks' edges adds runs to those that there were.
  constexpr size_t kMaxRuns = kMaxBlockRuns + 2 * kMaxImageBlocks;
  FLATVM_ASSIGN_OR_RETURN(const std::optional<BlockMap> map, FindBlockMap(file, kMaxRuns));
  if (!map.has_value()) return base::InternalError("the file has no map of its blocks");
  return FindSteps(plan, *map);
}

absl::Status TakeStep(int file, const InPlaceStep& step) {
  const auto offset = static_cast<off_t>(step.offset);
  const auto length = static_cast<off_t>(step.length);
  switch (step.kind) {
    case InPlaceStep::Kind::kPunch:
      if (::fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) == 0) break;
      return base::ErrnoError(errno, base::StrCat("punch ", step.length, " at ", step.offset));
    case InPlaceStep::Kind::kCollapse:
      if (::fallocate(file, FALLOC_FL_COLLAPSE_RANGE, offset, length) == 0) break;
      return base::ErrnoError(errno, base::StrCat("collapse ", step.length, " at ", step.offset));
    case InPlaceStep::Kind::kInsert:
      if (::fallocate(file, FALLOC_FL_INSERT_RANGE, offset, length) == 0) break;
      return base::ErrnoError(errno, base::StrCat("insert ", step.length, " at ", step.offset));
    case InPlaceStep::Kind::kTruncate:
      if (::ftruncate(file, offset) == 0) break;
      return base::ErrnoError(errno, base::StrCat("truncate to ", step.offset));
  }
  return absl::OkStatus();
}

absl::Status FinishInPlace(int file, const InPlacePlan& plan,
                           const std::function<void()>& before_step) {
  // ext4's journal keeps the order of the steps: what a crash leaves is a beginning of them.
  FLATVM_ASSIGN_OR_RETURN(const std::vector<InPlaceStep> steps, ReadSteps(file, plan));
  for (const InPlaceStep& step : steps) {
    if (before_step) before_step();
    FLATVM_RETURN_IF_ERROR(TakeStep(file, step));
  }
  FLATVM_RETURN_IF_ERROR(Sync(file));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<InPlaceStep> left, ReadSteps(file, plan));
  if (!left.empty()) return base::InternalError("the file is not yet the image that was planned");
  return absl::OkStatus();
}

}  // namespace flatvm::storage
