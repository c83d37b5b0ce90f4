// Port: how the broker opens and closes a tenant's way in. The real one is daemon/gate.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace flatvm::broker {

// Thread-safe.
class TenantGate {
 public:
  virtual ~TenantGate() = default;

  // Starts the tenant's front, in the tenant's slice, or takes up the one that runs already. Blocks
  // on systemd. Errors: UNAVAILABLE / kServiceManagerUnavailable; INTERNAL.
  virtual absl::Status OpenTenant(const std::string& tenant) = 0;

  // Drops the tenant's connections and stops its front; OK if there is none.
  virtual absl::Status CloseTenant(const std::string& tenant) = 0;

  // Drops the tenant's connections: its primary stopped. Does not block.
  virtual void DropConnections(const std::string& tenant) = 0;
};

}  // namespace flatvm::broker
