// Port: dnsmasqs as programs, whatever they serve. The real one is systemd (systemd_programs.h);
// the seam lets tests run them as children of their own.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::network {

struct ServerProgram {
  std::string name;    // of it alone: a bridge, or of its own; letters, digits and '-'
  std::string folder;  // absolute; its configuration and what that names; all that it sees of ours
  std::string tenant;  // whose resources it takes; empty: flatvmd's
  // Is told of every address and route of the host's, whoever's they are.
  bool watches_host = false;
};

// Thread-safe; every call but Terms blocks. Errors of every call: UNAVAILABLE /
// kServiceManagerUnavailable; INTERNAL.
class ServerPrograms {
 public:
  virtual ~ServerPrograms() = default;

  // As what it would run, as text: one that was started as something else is to be started anew.
  virtual std::string Terms(const ServerProgram& program) const = 0;

  // In the place of one of that name. It serves when this returns, and is started again should it
  // end. Errors: also INTERNAL if it does not serve.
  virtual absl::Status Start(const ServerProgram& program) = 0;

  // Has it read its hosts and names anew. Errors: also INTERNAL if it does not run.
  virtual absl::Status Reload(const std::string& name) = 0;

  // Waits for its end; OK if there is none.
  virtual absl::Status Stop(const std::string& name) = 0;

  // Whether it serves.
  virtual absl::StatusOr<bool> Runs(const std::string& name) = 0;

  // Those of which that is true.
  virtual absl::StatusOr<std::set<std::string>> ListRunning() = 0;
};

}  // namespace flatvm::network
