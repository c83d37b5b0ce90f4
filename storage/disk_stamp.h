// When a disk's file was last written to, as the proof that nobody has written to it since.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "daemon/base/clock.h"

namespace flatvm::storage {

// Of the last write, by the kernel's clock, and the length.
struct DiskStamp {
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  uint64_t bytes = 0;

  bool operator==(const DiskStamp&) const = default;
};

absl::StatusOr<DiskStamp> ReadStamp(int disk);

// One that every later write changes. The kernel's clock for it ticks every 10 ms at the slowest: a
// second write in one tick leaves no trace. So it waits until the last one is older. nullopt: the
// disk is being written to all the time, or the clock was put back. Blocks for some 100 ms at most.
// Source: current_time() of Linux' fs/inode.c, before 6.13.
absl::StatusOr<std::optional<DiskStamp>> ReadSettledStamp(
    int disk, const base::Clock& clock = base::RealClock());

}  // namespace flatvm::storage
