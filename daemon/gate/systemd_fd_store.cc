#include "daemon/gate/systemd_fd_store.h"

#include <systemd/sd-daemon.h>

#include <cstdlib>
#include <memory>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::gate {

absl::Status SystemdFdStore::Put(const std::string& name, int fd) {
  const std::string state = base::StrCat("FDSTORE=1\nFDNAME=", name);
  const int result = ::sd_pid_notify_with_fds(0, 0, state.c_str(), &fd, 1);
  return result < 0 ? base::ErrnoError(-result, "sd_notify FDSTORE") : absl::OkStatus();
}

absl::Status SystemdFdStore::Remove(const std::string& name) {
  const std::string state = base::StrCat("FDSTOREREMOVE=1\nFDNAME=", name);
  const int result = ::sd_notify(0, state.c_str());
  return result < 0 ? base::ErrnoError(-result, "sd_notify FDSTOREREMOVE") : absl::OkStatus();
}

absl::StatusOr<std::vector<InheritedFd>> TakeInheritedFds() {
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(/*unset_environment=*/1, &names);
  if (count < 0) return base::ErrnoError(-count, "sd_listen_fds_with_names");
  std::vector<InheritedFd> inherited;
  for (int i = 0; i < count; ++i) {
    const std::unique_ptr<char, decltype(&::free)> name(names[i], &::free);
    inherited.push_back({.name = name.get(), .fd = base::UniqueFd(SD_LISTEN_FDS_START + i)});
  }
  ::free(names);
  return inherited;
}

}  // namespace flatvm::gate
