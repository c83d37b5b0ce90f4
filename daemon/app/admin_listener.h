// The admin socket: accepts, lets only root through, and hands the connection on.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::app {

// Makes, binds (mode 0600) and listens on a unix socket, replacing a stale one. For a start without
// socket activation.
absl::StatusOr<base::UniqueFd> ListenOnUnixSocket(const std::string& path);

// Accepts one waiting connection from `listener` and passes it to `serve` if its peer is root
// (SO_PEERCRED); else closes it with a log line. Does not block.
void AcceptAdmin(int listener, base::Logger& log, const std::function<void(base::UniqueFd)>& serve);

}  // namespace flatvm::app
