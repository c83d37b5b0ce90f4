#include "daemon/base/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "daemon/base/error.h"

namespace flatvm::base {

absl::Status KeepCapabilities(std::initializer_list<int> kept) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  for (const int capability : kept) {
    __user_cap_data_struct& word = data[static_cast<size_t>(CAP_TO_INDEX(capability))];
    word.effective |= CAP_TO_MASK(capability);
    word.permitted = word.effective;
  }
  // glibc has no name for it; of a thread, unlike what glibc does for all of them with setuid.
  if (::syscall(SYS_capset, &header, data.data()) == 0) return absl::OkStatus();
  return ErrnoError(errno, "giving up capabilities");
}

}  // namespace flatvm::base
