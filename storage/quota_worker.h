// Port: who touches what a guest wrote on its quota disk, for flatvmd, which does not. The real one
// starts a process in the tenant's slice (daemon/quota).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/extent.h"

namespace flatvm::storage {

// Where an image lies on a quota disk. Made by who read the disk: to be checked.
struct FoundImage {
  uint64_t image_bytes = 0;
  std::vector<Extent> extents;
};

// How an image leaves its disk.
enum class ImageWay {
  kShare,  // its blocks are shared with the disk's
  kCopy,   // they are copied
  kLeave,  // somebody else takes it out of the disk
};

// One image's way out, with a worker that lives for as long as this does. Every call blocks.
// Thread-compatible. Errors of both: UNAVAILABLE if there is no worker any more; DEADLINE_EXCEEDED
// / kStageTimedOut; INTERNAL.
class ImageExtraction {
 public:
  virtual ~ImageExtraction() = default;

  // Errors: also those of QuotaDisks::Extract.
  virtual absl::StatusOr<FoundImage> Find() = 0;

  // After Find. Gives `image` its bytes, unless they are left, and `new_disk` the disk without the
  // image, its filesystem `new_disk_mib` large. Both are empty files, or `new_disk` has all that
  // the disk has, if the way is kShare; both are open for reading and writing. They are on the
  // host's disk when this returns; `new_disk` may be longer than its filesystem. Errors: also
  // FAILED_PRECONDITION / kQuotaDiskFull, kQuotaDiskUnusable.
  virtual absl::Status Take(ImageWay way, int image, int new_disk, uint32_t new_disk_mib) = 0;
};

// One image's way back, likewise. Errors of both: as ImageExtraction's.
class ImageReturn {
 public:
  virtual ~ImageReturn() = default;

  // That a file can be made at its path, and that `data_bytes` will find room when the disk has
  // grown to `new_disk_mib`. Errors: also those of ImageReturns::CheckReturn.
  virtual absl::Status Check(uint64_t data_bytes, uint32_t new_disk_mib) = 0;

  // After Check. Makes `new_disk` the disk, its filesystem grown to `new_disk_mib`, with what
  // `image` holds as a file. `image` is open for reading; `new_disk` for both, of that length, and
  // is a hole, or has all that the disk has, if the way is kShare. It is on the host's disk when
  // this returns. Errors: also as Check.
  virtual absl::Status Put(ImageWay way, int image, int new_disk, uint32_t new_disk_mib) = 0;
};

// A worker that starts, or has started; it ends with this if nobody took it.
class PreparedWorker {
 public:
  virtual ~PreparedWorker() = default;
};

// Thread-safe.
class QuotaWorker {
 public:
  virtual ~QuotaWorker() = default;

  // Starts the worker that the tenant's next call below will have, while its caller makes ready
  // what it is for, and returns at once. What goes wrong with it is seen there. Null: there is no
  // gain in it.
  virtual std::unique_ptr<PreparedWorker> Prepare(const std::string& tenant) = 0;

  // Has a worker ready, from some seconds on and for some minutes, for the tenant's next Prepare or
  // call. Returns at once.
  virtual void KeepReady(const std::string& tenant) = 0;

  // Ends what was kept ready. Blocks.
  virtual void Dismiss(const std::string& tenant) = 0;

  // `disk` is a hole of a file, open for reading and writing; it gets an empty ext4. Blocks.
  virtual absl::Status Format(const std::string& tenant, int disk) = 0;

  // Starts a worker for the image at `path` on `disk`, which is open for reading and outlives the
  // extraction. Errors: UNAVAILABLE; INTERNAL.
  virtual absl::StatusOr<std::unique_ptr<ImageExtraction>> Begin(const std::string& tenant,
                                                                 int disk,
                                                                 const std::string& path) = 0;

  // The same for an image that is to go back to `path`.
  virtual absl::StatusOr<std::unique_ptr<ImageReturn>> BeginReturn(const std::string& tenant,
                                                                   int disk,
                                                                   const std::string& path) = 0;
};

}  // namespace flatvm::storage
