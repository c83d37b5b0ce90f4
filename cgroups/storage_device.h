// Which disk holds a directory, as io.max names it. Not which file system: a cgroup's I/O is
// limited where the requests reach the disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cgroups/host_facts.h"

namespace flatvm::cgroups {

// Major and minor number of the whole disk that holds `directory`, such as "254:0": a partition
// becomes its disk, and a device on top of just one disk (LUKS, LVM) becomes that one, as systemd
// does the same to whatever it is given (systemd 252, src/core/cgroup.c, lookup_block_device).
// INTERNAL naming the directory if no block device holds it (tmpfs, overlay, NFS, ZFS), or it is
// not there. Blocks on the kernel only.
absl::StatusOr<std::string> FindStorageDevice(const std::string& directory, const HostRoots& roots);

// The source of the mount `mount_id`, such as "/dev/vda2", in the content of /proc/<pid>/mountinfo;
// none if it is not listed. Source: proc(5).
std::optional<std::string> FindMountSource(std::string_view mountinfo, uint64_t mount_id);

}  // namespace flatvm::cgroups
