// Port: the images of volumes that go back onto the quota disk that they came from. The real one is
// return_files.h.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace flatvm::storage {

struct ReturnOrder {
  std::string tenant;
  std::string volume_id;      // whose file becomes one on the quota disk
  std::string path;           // there, relative to the root of its filesystem
  uint32_t new_disk_mib = 0;  // what the disk is to have with it; no less than it has
};

enum class SwappedBack {
  kDone,
  kNothingMade,  // Insert made nothing, or it was discarded; all is as before
};

// As QuotaDisks, whose Discard undoes Insert. Every call blocks. Errors of all: INTERNAL.
class ImageReturns {
 public:
  virtual ~ImageReturns() = default;

  // That Insert would find a place and room, as far as can be told before, for a volume that a VM
  // may still write to. Changes nothing. Errors: also FAILED_PRECONDITION / kQuotaPathUnusable
  // (where it is to go is another file or no directory), kQuotaDiskFull, kQuotaDiskUnusable;
  // UNAVAILABLE; DEADLINE_EXCEEDED / kStageTimedOut.
  virtual absl::Status CheckReturn(const ReturnOrder& order) = 0;

  // Makes, beside the old one, the quota disk with the image. Nobody sees it before SwapBack. No VM
  // has the volume. Errors: as CheckReturn.
  virtual absl::Status Insert(const ReturnOrder& order) = 0;

  // Puts what Insert made, of `new_disk_mib`, in the old disk's place, and removes the volume's
  // file. Idempotent, and not to be undone.
  virtual absl::StatusOr<SwappedBack> SwapBack(const std::string& tenant,
                                               const std::string& volume_id,
                                               uint32_t new_disk_mib) = 0;
};

}  // namespace flatvm::storage
