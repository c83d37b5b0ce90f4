// Fronts as transient units of systemd, over D-Bus.
#pragma once

#include <systemd/sd-bus.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/gate/front_launcher.h"

namespace flatvm::gate {

struct BusCloser {
  void operator()(sd_bus* bus) const { ::sd_bus_flush_close_unref(bus); }
};
using BusPtr = std::unique_ptr<sd_bus, BusCloser>;

struct LauncherOptions {
  std::string program = "/usr/libexec/flatvm/flatvm-front";
  uint64_t memory_max_bytes = 0;  // of one front; 0: only its tenant's slice limits it
  std::chrono::milliseconds job_timeout{15'000};
};

// A connection to the service manager; the system bus, unless a test says otherwise.
using OpenBus = std::function<absl::StatusOr<BusPtr>()>;
absl::StatusOr<BusPtr> OpenSystemBus();

// Thread-safe: each call has a connection of its own, as sd-bus connections are one thread's.
class SystemdFrontLauncher final : public FrontLauncher {
 public:
  explicit SystemdFrontLauncher(LauncherOptions options, OpenBus open_bus = &OpenSystemBus)
      : options_(std::move(options)), open_bus_(std::move(open_bus)) {}

  absl::Status Start(const std::string& tenant, base::UniqueFd link) override;
  absl::Status Stop(const std::string& tenant) override;
  absl::StatusOr<std::vector<std::string>> ListRunning() override;

 private:
  const LauncherOptions options_;
  const OpenBus open_bus_;
};

}  // namespace flatvm::gate
