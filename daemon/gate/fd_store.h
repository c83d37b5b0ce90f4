// Where flatvmd keeps descriptors that must outlive it.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace flatvm::gate {

// Thread-safe. The real one is systemd_fd_store.h.
class FdStore {
 public:
  virtual ~FdStore() = default;

  // Keeps a duplicate of `fd` under `name` ([a-z0-9-]).
  virtual absl::Status Put(const std::string& name, int fd) = 0;

  // Forgets what is kept under `name`; OK if there is nothing.
  virtual absl::Status Remove(const std::string& name) = 0;
};

}  // namespace flatvm::gate
