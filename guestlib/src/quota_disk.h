// The quota disk in this VM: its filesystem is unmounted while the host takes an image out of it,
// and mounted again as it was.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flatvm/result.h"

namespace flatvm::guestlib {

// As the host calls it: /dev/disk/by-id/virtio-flatvm-quota.
inline constexpr const char* kQuotaSerial = "flatvm-quota";

struct BlockDevice {
  std::string path;    // "/dev/vdb"
  std::string number;  // "254:16"
};

// One mount of the disk, enough to make it again with mount(2).
struct DiskMount {
  std::string point;
  std::string root;  // "/", or the part of the filesystem that is mounted
  std::string type;
  unsigned long flags = 0;
  std::string data;

  bool operator==(const DiskMount&) const = default;
};

// What the kernel is asked for; tests bring their own. Thread-safe.
struct DiskCalls {
  // The disk with this serial; nullopt: there is none.
  std::function<std::optional<BlockDevice>(const std::string& serial)> find;
  std::function<std::string()> read_mountinfo;  // proc_pid_mountinfo(5)
  // 0 or an errno.
  std::function<int(const std::string& point)> unmount;
  std::function<int(const std::string& device, const DiskMount& mount)> mount;
  std::function<bool(const std::string& path)> exists;
  std::function<std::chrono::steady_clock::time_point()> now;
  std::function<void(std::chrono::milliseconds)> sleep;
};

DiskCalls RealDiskCalls();

// The mounts of the device with `number` in `mountinfo`, in the order in which they were made.
// Pure.
std::vector<DiskMount> FindMounts(std::string_view mountinfo, std::string_view number);

// Unmounted when it is made, and mounted again by MountAgain; a VM that has no quota disk, or not
// mounted, has nothing of either. Thread-compatible.
class UnmountedQuotaDisk {
 public:
  // `path` is of a file on the disk, from its root: where the disk is mounted and has no such file,
  // nothing is unmounted; empty: of none. Errors: NOT_FOUND / kImageNotFound; FAILED_PRECONDITION /
  // kPrimaryKeepsDisk, naming where it is in use or mounted in part, and all is mounted as before;
  // INTERNAL. Blocks until all is written.
  static Result<UnmountedQuotaDisk> Unmount(const DiskCalls& calls, const std::string& path);

  // Waits for the disk, for `timeout` at most, and mounts it as it was. nullopt: it is, or was not
  // before. Errors: DEADLINE_EXCEEDED / kStageTimedOut; INTERNAL naming the errno.
  std::optional<Error> MountAgain(std::chrono::milliseconds timeout);

 private:
  explicit UnmountedQuotaDisk(const DiskCalls& calls) : calls_(calls) {}

  DiskCalls calls_;
  std::vector<DiskMount> unmounted_;  // in the order in which they were mounted
};

}  // namespace flatvm::guestlib
