// Which kind of filesystem a mount is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flatvm::check {

// The type of the mount `mount_id`, such as "xfs", in the content of /proc/<pid>/mountinfo; empty
// if it is not listed. Pure. Source: proc_pid_mountinfo(5).
std::string FindMountType(std::string_view mountinfo, uint64_t mount_id);

}  // namespace flatvm::check
