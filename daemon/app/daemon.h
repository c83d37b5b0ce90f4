// The composition root: builds every room of flatvmd, brings records and host in line, and serves
// until told to stop.
#pragma once

#include "absl/status/status.h"
#include "daemon/base/log.h"
#include "daemon/config/config.h"

namespace flatvm::app {

// Serves until SIGTERM or SIGINT. The host's requirements were checked before.
// Errors: whatever keeps it from starting, with a message for the operator: libvirt or systemd out
// of reach, a damaged record, a socket that cannot be had.
absl::Status RunDaemon(const config::Config& config, base::Logger& log);

}  // namespace flatvm::app
