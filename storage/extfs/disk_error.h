// The errors that a quota disk's filesystem gives.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace flatvm::extfs {

// FAILED_PRECONDITION / kQuotaDiskUnusable: "the quota disk <message>". Public text: no path, no
// byte that the guest wrote.
absl::Status UnusableDisk(std::string_view message);

// The same for what no ext4 may be: "the quota disk is damaged (<what>); …".
absl::Status DamagedDisk(std::string_view what);

// FAILED_PRECONDITION / kQuotaDiskFull: what is to go onto the disk has no room there.
absl::Status FullDisk();

// What `code` means that libext2fs gave, not 0, while `doing` (such as "reading its bitmaps"): a
// damaged disk, but INTERNAL for an errno and for lack of memory.
absl::Status LibraryError(long code, std::string_view doing);

}  // namespace flatvm::extfs
