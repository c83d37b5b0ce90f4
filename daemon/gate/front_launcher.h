// How fronts are started and stopped. The real one is systemd_front_launcher.h.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/base/unique_fd.h"

namespace flatvm::gate {

// Thread-safe; every call blocks on the service manager.
// Errors of every call: UNAVAILABLE / kServiceManagerUnavailable; INTERNAL with the service
// manager's text.
class FrontLauncher {
 public:
  virtual ~FrontLauncher() = default;

  // Starts the tenant's front with `link` as its standard input, and answers when it runs. One that
  // is there already is stopped first: its link is not this one.
  virtual absl::Status Start(const std::string& tenant, base::UniqueFd link) = 0;

  // Stops the tenant's front and waits for its end; OK if there is none.
  virtual absl::Status Stop(const std::string& tenant) = 0;

  // Tenants whose front is there.
  virtual absl::StatusOr<std::vector<std::string>> ListRunning() = 0;
};

}  // namespace flatvm::gate
