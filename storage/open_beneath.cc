#include "storage/open_beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace flatvm::storage {

base::UniqueFd OpenBeneath(int directory, const std::string& name, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<__u64>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  // glibc has no wrapper.
  return base::UniqueFd(
      static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof(how))));
}

}  // namespace flatvm::storage
