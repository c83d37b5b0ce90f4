// Where a disk of this VM is mounted, by the kernel's own books: /sys/block and
// /proc/self/mountinfo, so by what this process sees, not what another mount namespace does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flatvm/result.h"

namespace flatvm::cli {

// A block device's "<major>:<minor>", as the kernel writes them.
using DeviceNumber = std::string;

// Finds a mount point of the disk with this serial. Empty: it is not mounted, or not there. Errors:
// INTERNAL / kInternalError if the kernel does not say.
using MountFinder = std::function<Result<std::string>(const std::string& serial)>;

// The MountFinder of this VM.
Result<std::string> FindMountOfDisk(const std::string& serial);

// The disk with `serial` below `sys_block` ("/sys/block"), its partitions, and what is made of
// either, such as LVM's or LUKS' devices. Empty: there is none.
std::vector<DeviceNumber> DevicesOfDisk(const std::string& serial, const std::string& sys_block);

// The first mount point in `mountinfo` (the file's text, proc_pid_mountinfo(5)) of one of
// `devices`. Where a mount's number is its filesystem's own, as with btrfs, its source decides,
// which `number_of` (a path to its device's number; empty: it is none) is asked about. nullopt:
// none of them is mounted. Lines that are none are passed over.
std::optional<std::string> FindMountPoint(
    std::string_view mountinfo, const std::vector<DeviceNumber>& devices,
    const std::function<DeviceNumber(const std::string& path)>& number_of);

}  // namespace flatvm::cli
