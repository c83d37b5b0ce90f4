// The listening vsock socket: ours or systemd's, and who is at the other end of what it accepts.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "daemon/base/types.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::gate {

// Who connected, as the kernel says.
struct Peer {
  base::VsockCid cid;
  uint32_t port = 0;
};

struct Accepted {
  base::UniqueFd socket;  // CLOEXEC, O_NONBLOCK
  Peer peer;
};

// Binds to any CID and `port` and listens, for a start without socket activation.
// Errors: INTERNAL, with errno's name (the port is taken, or vsock is not there).
absl::StatusOr<base::UniqueFd> ListenOnVsock(uint32_t port);

// INTERNAL unless `fd` is a listening AF_VSOCK stream socket. Makes it non-blocking.
absl::Status CheckVsockListener(int fd);

// One waiting connection; none: nobody waits. Does not block.
// Errors: RESOURCE_EXHAUSTED when the process or the host has no more descriptors or memory;
// INTERNAL.
absl::StatusOr<std::optional<Accepted>> AcceptVsock(int listener);

}  // namespace flatvm::gate
