#include "storage/disk_stamp.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>

#include "daemon/base/error.h"

namespace flatvm::storage {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::chrono::milliseconds kSettled{20};  // two of the slowest kernel's ticks
constexpr int kTries = 5;

nanoseconds AgeOf(const DiskStamp& stamp, const base::Clock& clock) {
  // Files' times are of this clock as it was at the last tick, or at the moment itself.
  const nanoseconds now = clock.Now().time_since_epoch();
  return now - seconds(stamp.seconds) - nanoseconds(stamp.nanoseconds);
}

}  // namespace

absl::StatusOr<DiskStamp> ReadStamp(int disk) {
  struct stat found {};
  if (::fstat(disk, &found) != 0) return base::ErrnoError(errno, "stat a disk");
  return DiskStamp{.seconds = found.st_mtim.tv_sec,
                   .nanoseconds = found.st_mtim.tv_nsec,
                   .bytes = static_cast<uint64_t>(found.st_size)};
}

absl::StatusOr<std::optional<DiskStamp>> ReadSettledStamp(int disk, const base::Clock& clock) {
  for (int i = 0; i < kTries; ++i) {
    FLATVM_ASSIGN_OR_RETURN(const DiskStamp stamp, ReadStamp(disk));
    const nanoseconds age = AgeOf(stamp, clock);
    if (age >= kSettled) return std::optional<DiskStamp>(stamp);
    if (age < nanoseconds(0)) break;
    clock.SleepFor(kSettled - age);
  }
  return std::optional<DiskStamp>();
}

}  // namespace flatvm::storage
