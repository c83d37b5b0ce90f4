// The daemon's connection to libvirt: opened when first needed, opened again when it broke.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/base/log.h"
#include "daemon/libvirt/handles.h"

namespace flatvm::libvirt {

// Thread-safe. Start an EventLoop first: without one a libvirtd that hangs is never given up.
class Connection {
 public:
  // `log`, if any, is told why libvirt is out of reach, once an outage.
  explicit Connection(std::string uri, base::Logger* log = nullptr)
      : uri_(std::move(uri)), log_(log) {}

  // A live connection; it stays usable for as long as the caller holds it, even when another call
  // replaced it. Blocks while it connects, and other callers with it. Errors: UNAVAILABLE /
  // kHypervisorUnavailable.
  absl::StatusOr<ConnectPtr> Get();

 private:
  void LogOutage();

  const std::string uri_;
  base::Logger* const log_;
  std::mutex mutex_;  // guards the rest
  ConnectPtr connect_;
  bool outage_logged_ = false;
};

}  // namespace flatvm::libvirt
