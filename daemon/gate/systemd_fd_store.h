// systemd's file descriptor store (sd_notify(3), FDSTORE=1) and the descriptors it hands over at
// start.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"
#include "daemon/gate/fd_store.h"

namespace flatvm::gate {

// Does nothing, successfully, where no service manager supervises us. The unit needs
// FileDescriptorStoreMax= and NotifyAccess=main.
class SystemdFdStore final : public FdStore {
 public:
  absl::Status Put(const std::string& name, int fd) override;
  absl::Status Remove(const std::string& name) override;
};

struct InheritedFd {
  std::string name;  // FileDescriptorName= of a socket unit, or the name it was stored under
  base::UniqueFd fd;
};

// Everything systemd passed to us (sd_listen_fds_with_names(3)): sockets and stored descriptors.
// Once only, at start: the environment forgets it.
absl::StatusOr<std::vector<InheritedFd>> TakeInheritedFds();

}  // namespace flatvm::gate
