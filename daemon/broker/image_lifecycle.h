// An own image's life: imported piece by piece, ready for secondaries, removed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/image_claim.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "daemon/broker/vm_lifecycle.h"

namespace flatvm::broker {

// Imports of a tenant at a time: each may have a worker.
constexpr size_t kMaxImports = 4;

struct BeginImportOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string name;
  base::DiskFormat format = base::DiskFormat::kRaw;
  uint64_t size_bytes = 0;
  std::string sha256;
};

struct WriteImageOrder {
  std::string tenant;
  std::string image_id;
  uint64_t offset = 0;
  std::string_view data;  // outlives the call
  uint64_t zeros = 0;
};

struct FinishImportOrder {
  std::string tenant;
  std::string request_id;
  std::string image_id;
};

struct RemoveImageOrder {
  std::string tenant;
  std::string request_id;
  Mode mode = Mode::kExecute;
  std::string image;  // name or id
};

struct ImageView {
  ImageRecord image;
  uint64_t received_bytes = 0;  // of one that is kReady: all
};

// Thread-safe; calls block on the disk and on the worker, and on each other for one image. Errors
// of every call: INVALID_ARGUMENT; ABORTED / kChangeInFlight; UNAVAILABLE; INTERNAL.
class ImageLifecycle {
 public:
  ImageLifecycle(const Settings& settings, const Ports& ports, Registry& registry)
      : settings_(settings), ports_(ports), registry_(registry) {}

  // Reserves a new image's whole size and makes its file, or finds how much of one is there that
  // has this name, format, size and digest already. Errors: ALREADY_EXISTS / kImageExists for
  // another image of that name, the catalog's too; RESOURCE_EXHAUSTED / kTenantDiskLimit,
  // kTenantImportLimit; FAILED_PRECONDITION / kImageUnusable for a size that no image has.
  absl::StatusOr<ImageView> Begin(const BeginImportOrder& order);

  // Appends to an import; answers with how many bytes there are. An image whose beginning shows
  // that it can be none is dropped. Errors: NOT_FOUND / kImageNotFound; ABORTED / kChangeInFlight
  // also for bytes that are not the next ones; FAILED_PRECONDITION / kImageUnusable;
  // DEADLINE_EXCEEDED / kStageTimedOut.
  absl::StatusOr<uint64_t> Write(const WriteImageOrder& order);

  // Makes a whole import an image; no change if it is one. What is not as it was announced, or can
  // be no image, is dropped. Errors: ABORTED / kChangeInFlight also while it is digested, which
  // goes on: ask again; NOT_FOUND / kImageNotFound; FAILED_PRECONDITION / kImageIncomplete,
  // kChecksumMismatch, kImageUnusable.
  absl::StatusOr<ImageView> Finish(const FinishImportOrder& order);

  // An image or an import; answers with it as it last was. If a step fails it stays in kDeleting,
  // still counted, and RetryLeftovers goes on. Errors: NOT_FOUND / kImageNotFound;
  // FAILED_PRECONDITION / kImageInUse; ALREADY_EXISTS / kRequestIdReused.
  absl::StatusOr<ImageView> Remove(const RemoveImageOrder& order);

  // Finds how far the tenant's imports have come, and removes files without a record. For the
  // reconciler, at start. What fails is logged.
  void RepairAtStart(const std::string& tenant);

  // Goes on with removals that failed half-way, and drops imports that expired. Idempotent; what
  // fails is logged.
  void RetryLeftovers();

 private:
  class Creation;
  using ClaimPtr = std::unique_ptr<ImageClaim>;

  // Waits a while for whoever changes it now.
  absl::StatusOr<ClaimPtr> Claim(const std::string& tenant, const std::string& id);
  // An image, by id, of a tenant that may be changed. Its claim is held.
  absl::StatusOr<ImageView> ClaimedImage(const std::string& tenant, const std::string& id);
  // Begin of an image that is there. Its claim is held.
  absl::StatusOr<ImageView> GoOn(const BeginImportOrder& order, const std::string& id);
  absl::Status CheckCatalogLacks(const std::string& name);
  // ABORTED / kChangeInFlight if it takes longer than a call may.
  absl::StatusOr<std::string> Digest(const storage::ImageIdentity& identity,
                                     const ImageRecord& image);
  absl::Status Append(const ImageRecord& image, const WriteImageOrder& order);
  // Removes file and record of an image, then its place in the registry. Its claim is held.
  absl::Status Drop(const ImageRecord& image);
  // `why`, after it dropped an import that it is the end of: kImageUnusable and kChecksumMismatch.
  // Its text begins with the image.
  absl::Status DropIfHopeless(const ImageRecord& image, const absl::Status& why);
  absl::Status RemoveEffects(const ImageRecord& image);
  void SetReceived(const ImageRecord& image, uint64_t received_bytes);
  void RemoveOrphanedFiles(const std::string& tenant);
  bool Expired(const ImportProgress& progress) const;
  void LogFailure(const char* what, const absl::Status& status, const std::string& tenant);

  const Settings& settings_;
  const Ports& ports_;
  Registry& registry_;
};

}  // namespace flatvm::broker
