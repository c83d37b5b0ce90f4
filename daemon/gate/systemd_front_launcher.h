// Fronts as transient units of systemd, over D-Bus.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/gate/front_launcher.h"
#include "daemon/systemd/bus.h"

namespace flatvm::gate {

struct LauncherOptions {
  std::string program = "/usr/libexec/flatvm/flatvm-front";
  uint64_t memory_max_bytes = 0;  // of one front; 0: only its tenant's slice limits it
  systemd::BusOpener open_bus;    // empty: the system bus
  std::string stop_at;            // FrontUnit's
};

// Thread-safe: each call has a connection of its own, as sd-bus connections are one thread's.
class SystemdFrontLauncher final : public FrontLauncher {
 public:
  explicit SystemdFrontLauncher(LauncherOptions options) : options_(std::move(options)) {}

  absl::Status Start(const std::string& tenant, base::UniqueFd link) override;
  absl::Status Stop(const std::string& tenant) override;
  absl::StatusOr<std::vector<std::string>> ListRunning() override;

 private:
  const LauncherOptions options_;
};

}  // namespace flatvm::gate
