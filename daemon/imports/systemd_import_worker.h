// ImportWorker as a transient service of systemd in the tenant's slice, one for each import that
// goes on.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "daemon/systemd/bus.h"
#include "storage/import_worker.h"

namespace flatvm::imports {

struct ImportWorkerOptions {
  std::string program = "/usr/libexec/flatvm/flatvm-import";
  std::chrono::milliseconds write_timeout{60'000};  // for the answer to a chunk
  systemd::BusOpener open_bus;                      // empty: the system bus
};

// Immutable, hence thread-safe. One that is still there for the same image is stopped first. A
// session's worker ends when the session does: its link closes. What a worker answers is believed
// no more than what a guest says. Errors: as the port says; UNAVAILABLE /
// kServiceManagerUnavailable.
class SystemdImportWorker final : public storage::ImportWorker {
 public:
  explicit SystemdImportWorker(ImportWorkerOptions options) : options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<storage::ImportSession>> Begin(const std::string& tenant,
                                                                const std::string& image_id,
                                                                int file,
                                                                uint64_t size_bytes) override;

 private:
  const ImportWorkerOptions options_;
};

}  // namespace flatvm::imports
