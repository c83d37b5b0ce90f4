// The main thread's loop: the admin socket, signals, a periodic job, systemd's watchdog.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "absl/status/status.h"

namespace flatvm::app {

struct ServeLoop {
  int admin_listener = -1;         // borrowed
  std::function<void()> on_admin;  // a connection waits on it
  std::chrono::seconds period{30};
  std::function<void()> on_period;  // must not block

  // Tells systemd that the daemon is ready and serves until SIGTERM or SIGINT, which must be
  // blocked in every thread. Errors: INTERNAL, with what the event library refused.
  absl::Status Run();
};

// Tells systemd that the start goes on, whose end it otherwise does not wait for: with hundreds of
// tenants it takes minutes. Before ServeLoop::Run.
void TellStarting(size_t done, size_t tenants);

// Blocks the signals that ServeLoop waits for, in this thread and all it starts. To be called
// before any other thread.
void BlockServeSignals();

}  // namespace flatvm::app
