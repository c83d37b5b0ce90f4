#include "storage/extfs/disk_error.h"

#include <ext2fs/ext2fs.h>

extern "C" {
#include <et/com_err.h>  // does not say itself that it is C
}

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::extfs {
namespace {

// An errno is returned as it is; libext2fs's own codes begin far above.
constexpr long kMaxErrno = 4095;

// A fixed text of libext2fs's table.
std::string_view TextOf(long code) {
  static const bool ready = [] {
    initialize_ext2_error_table();
    return true;
  }();
  return ready ? error_message(code) : "";
}

}  // namespace

absl::Status UnusableDisk(std::string_view message) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskUnusable,
                         base::StrCat("the quota disk ", message));
}

absl::Status DamagedDisk(std::string_view what) {
  return UnusableDisk(base::StrCat("is damaged (", what,
                                   "); unmount it in the primary and run e2fsck -f on it there"));
}

absl::Status FullDisk() {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kQuotaDiskFull,
                         "the quota disk has no room for the image beside the other files on it; "
                         "remove some, or keep it as a volume");
}

absl::Status LibraryError(long code, std::string_view doing) {
  if (code > 0 && code <= kMaxErrno) return base::ErrnoError(static_cast<int>(code), doing);
  if (code == EXT2_ET_NO_MEMORY) return base::InternalError(base::StrCat(doing, ": no memory"));
  return DamagedDisk(base::StrCat(doing, ": ", TextOf(code)));
}

}  // namespace flatvm::extfs
