// Port: who writes what a tenant sends for an image of its own, and reads it again, in place of
// flatvmd: on the tenant's account. The real one starts a process in the tenant's slice
// (daemon/imports).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/tenant_images.h"

namespace flatvm::storage {

// One import with a worker that has its file open for as long as this lives, or until it had
// nothing to do for a while. Thread-compatible; every call blocks. Errors of both: UNAVAILABLE if
// there is no worker any more, and what was written stays; DEADLINE_EXCEEDED / kStageTimedOut;
// INTERNAL.
class ImportSession {
 public:
  virtual ~ImportSession() = default;

  virtual absl::Status Write(const ImageChunk& chunk) = 0;

  // 64 lower-case hexadecimal digits of all that is in the file, as the worker says: to be believed
  // only as far as it is the tenant's own harm. The file's bytes are on the disk, and the worker
  // has closed it: the session is over. May take as long as reading the file does: after
  // DEADLINE_EXCEEDED it goes on, and a further call waits for the same.
  virtual absl::StatusOr<std::string> Digest(std::chrono::milliseconds timeout) = 0;
};

// Thread-safe.
class ImportWorker {
 public:
  virtual ~ImportWorker() = default;

  // `file` is open for reading and writing; nothing of it beyond `size_bytes` is written. Keeps no
  // duplicate of it here. Errors: UNAVAILABLE; INTERNAL.
  virtual absl::StatusOr<std::unique_ptr<ImportSession>> Begin(const std::string& tenant,
                                                               const std::string& image_id,
                                                               int file, uint64_t size_bytes) = 0;
};

}  // namespace flatvm::storage
