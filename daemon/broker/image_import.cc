// ImageLifecycle's part for images that come.
#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/rollback.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/uuid.h"
#include "daemon/broker/admission.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/own_image.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

// A chunk takes milliseconds, or seconds where the tenant may write little.
constexpr std::chrono::seconds kClaimPatience{10};
// A call holds one of few threads; reading a large image would hold it for hours.
constexpr std::chrono::seconds kDigestPatience{5};

absl::Status Exists(std::string_view message) {
  return base::MakeError(absl::StatusCode::kAlreadyExists,
                         base::ErrorInfo{.reason = base::Reason::kImageExists, .field = "image"},
                         message);
}

bool IsSame(const ImageRecord& image, const BeginImportOrder& order) {
  return image.format == order.format && image.size_bytes == order.size_bytes &&
         image.sha256 == order.sha256;
}

absl::Status AnotherImage(const ImageView& view) {
  const std::string& name = view.image.name;
  if (view.image.state == ImageState::kReady) {
    return Exists(base::StrCat("there is an image \"", name,
                               "\" with other content already; take another name for this one"));
  }
  return Exists(base::StrCat("the import of another image \"", name, "\" is not finished (",
                             view.received_bytes, " of ", view.image.size_bytes,
                             " bytes); go on with it, remove it, or take another name"));
}

absl::Status CheckImportLimit(const TenantEntry& tenant) {
  if (tenant.imports.size() < kMaxImports) return absl::OkStatus();
  return base::MakeError(
      absl::StatusCode::kResourceExhausted,
      base::ErrorInfo{.reason = base::Reason::kTenantImportLimit,
                      .limit = "imports",
                      .limit_value = kMaxImports,
                      .asked = 1,
                      .used = tenant.imports.size()},
      base::StrCat("there are ", tenant.imports.size(),
                   " imports that are not finished; finish or remove one first"));
}

}  // namespace

// A new import, from admission to its empty file.
class ImageLifecycle::Creation {
 public:
  Creation(ImageLifecycle& owner, const BeginImportOrder& order)
      : owner_(owner),
        order_(order),
        rollback_(owner.ports_.log,
                  base::LogFields{
                      .request = order.request_id, .tenant = order.tenant, .op = "import-image"}) {}

  absl::StatusOr<ImageView> Run() {
    if (order_.mode == Mode::kExecute) {
      image_.id = base::NewUuid();
      FLATVM_ASSIGN_OR_RETURN(claim_, owner_.Claim(order_.tenant, image_.id));
    }
    FLATVM_RETURN_IF_ERROR(Reserve());
    if (order_.mode == Mode::kValidateOnly) return ImageView{.image = image_};
    // The intent is on disk before the first effect; RemoveEffects undoes whatever comes.
    rollback_.Push("file and record", [this] {
      undone_ = owner_.RemoveEffects(image_);
      return undone_;
    });
    FLATVM_RETURN_IF_ERROR(owner_.ports_.records.PutImage(image_));
    FLATVM_RETURN_IF_ERROR(owner_.ports_.images.EnsureImage(image_.tenant, image_.id).status());
    rollback_.Release();
    return ImageView{.image = image_};
  }

 private:
  // Decides under the lock; the record put into the registry is the reservation.
  absl::Status Reserve() {
    Registry::Access state = owner_.registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order_.tenant));
    if (tenant->FindImage(order_.name) != nullptr) {
      return Exists(base::StrCat("another import of \"", order_.name, "\" has just begun"));
    }
    image_.tenant = order_.tenant;
    image_.name = order_.name;
    image_.format = order_.format;
    image_.size_bytes = order_.size_bytes;
    image_.sha256 = order_.sha256;
    image_.created_at = owner_.ports_.clock.Now();
    FLATVM_RETURN_IF_ERROR(CheckImportLimit(*tenant));
    FLATVM_RETURN_IF_ERROR(Admit(
        tenant->Ceiling(),
        UsedBy(tenant->record, tenant->vms, tenant->volumes, tenant->images, owner_.settings_),
        CostOfImage(image_)));
    if (order_.mode == Mode::kValidateOnly) return absl::OkStatus();
    tenant->images.emplace(image_.id, image_);
    tenant->imports[image_.id].last_change = owner_.ports_.clock.Steady();
    rollback_.Push("reservation", [this] {
      Forget();
      return absl::OkStatus();
    });
    return absl::OkStatus();
  }

  // What could not be undone stays, counted, for RetryLeftovers.
  void Forget() {
    Registry::Access state = owner_.registry_.Acquire();
    TenantEntry* tenant = state->FindTenant(order_.tenant);
    if (tenant == nullptr) return;
    tenant->imports.erase(image_.id);
    if (undone_.ok()) {
      tenant->images.erase(image_.id);
    } else {
      tenant->images[image_.id].state = ImageState::kDeleting;
    }
  }

  ImageLifecycle& owner_;
  const BeginImportOrder& order_;
  ImageRecord image_;
  ClaimPtr claim_;
  absl::Status undone_;
  base::RollbackStack rollback_;  // last: its undo steps use the rest
};

absl::StatusOr<ImageLifecycle::ClaimPtr> ImageLifecycle::Claim(const std::string& tenant,
                                                               const std::string& id) {
  return ImageClaim::Take(registry_, tenant, id, ports_.clock.Steady() + kClaimPatience);
}

absl::StatusOr<ImageView> ImageLifecycle::ClaimedImage(const std::string& tenant,
                                                       const std::string& id) {
  Registry::Access state = registry_.Acquire();
  FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state->GetReadyTenant(tenant));
  FLATVM_ASSIGN_OR_RETURN(const ImageRecord* image, RegistryState::GetImage(*entry, id));
  if (image->state == ImageState::kDeleting) {
    return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                           base::StrCat("image \"", image->name, "\" is being removed"));
  }
  if (image->state == ImageState::kReady) return ImageView{*image, image->size_bytes};
  const auto progress = entry->imports.find(image->id);
  const bool known = progress != entry->imports.end();
  return ImageView{*image, known ? progress->second.received_bytes : 0};
}

void ImageLifecycle::SetReceived(const ImageRecord& image, uint64_t received_bytes) {
  Registry::Access state = registry_.Acquire();
  TenantEntry* tenant = state->FindTenant(image.tenant);
  if (tenant == nullptr) return;
  tenant->imports[image.id] = {.received_bytes = received_bytes,
                               .last_change = ports_.clock.Steady()};
}

absl::Status ImageLifecycle::CheckCatalogLacks(const std::string& name) {
  const auto found = ports_.storage.GetImage(name);
  const base::Reason reason = base::GetErrorInfo(found.status()).reason;
  if (reason == base::Reason::kImageNotFound) return absl::OkStatus();
  if (!found.ok() && reason != base::Reason::kImageUnusable) return found.status();
  return Exists(base::StrCat("the catalog has an image \"", name, "\"; take another name"));
}

absl::StatusOr<ImageView> ImageLifecycle::GoOn(const BeginImportOrder& order,
                                               const std::string& id) {
  FLATVM_ASSIGN_OR_RETURN(ImageView view, ClaimedImage(order.tenant, id));
  const bool unsaid = order.mode == Mode::kValidateOnly && order.sha256.empty();
  if (unsaid || !IsSame(view.image, order)) return AnotherImage(view);
  if (view.image.state == ImageState::kReady || order.mode == Mode::kValidateOnly) return view;
  FLATVM_ASSIGN_OR_RETURN(const uint64_t length,
                          ports_.images.EnsureImage(view.image.tenant, view.image.id));
  view.received_bytes = std::min(length, view.image.size_bytes);
  SetReceived(view.image, view.received_bytes);
  return view;
}

absl::StatusOr<ImageView> ImageLifecycle::Begin(const BeginImportOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateImport(order.name, order.format, order.size_bytes));
  if (order.mode == Mode::kExecute || !order.sha256.empty()) {
    FLATVM_RETURN_IF_ERROR(ValidateDigest(order.sha256));
  }
  std::string id;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetReadyTenant(order.tenant));
    if (const ImageRecord* image = tenant->FindImage(order.name)) id = image->id;
  }
  if (!id.empty()) {
    FLATVM_ASSIGN_OR_RETURN(const ClaimPtr claim, Claim(order.tenant, id));
    return GoOn(order, id);
  }
  FLATVM_RETURN_IF_ERROR(CheckCatalogLacks(order.name));
  return Creation(*this, order).Run();
}

absl::Status ImageLifecycle::Append(const ImageRecord& image, const WriteImageOrder& order) {
  const storage::ImageIdentity identity{.tenant = image.tenant,
                                        .id = image.id,
                                        .format = image.format,
                                        .size_bytes = image.size_bytes};
  const storage::ImageChunk chunk{.offset = order.offset, .data = order.data, .zeros = order.zeros};
  FLATVM_RETURN_IF_ERROR(ports_.images.WriteImage(identity, chunk));
  const uint64_t telling = std::min(storage::kCheckedBytes, image.size_bytes);
  if (chunk.offset >= telling || chunk.end() < telling) return absl::OkStatus();
  // The rest may take hours: what can be no image ends here.
  return DropIfHopeless(image, ports_.images.CheckBeginning(identity));
}

absl::StatusOr<uint64_t> ImageLifecycle::Write(const WriteImageOrder& order) {
  FLATVM_RETURN_IF_ERROR(ValidateChunk(order.image_id, order.data.size(), order.zeros));
  FLATVM_ASSIGN_OR_RETURN(const ClaimPtr claim, Claim(order.tenant, order.image_id));
  FLATVM_ASSIGN_OR_RETURN(const ImageView view, ClaimedImage(order.tenant, order.image_id));
  const ImageRecord& image = view.image;
  if (order.offset != view.received_bytes || image.state != ImageState::kImporting) {
    return base::MakeError(
        absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
        base::StrCat("image \"", image.name, "\" has ", view.received_bytes,
                     " bytes, and these are not the next ones; begin the import again"));
  }
  const uint64_t length = order.data.size() + order.zeros;
  if (length > image.size_bytes - order.offset) {
    return base::FieldError(
        base::Reason::kFieldOutOfRange, order.zeros > 0 ? "zeros" : "data",
        base::StrCat("must end within the image's ", image.size_bytes, " bytes"));
  }
  FLATVM_RETURN_IF_ERROR(Append(image, order));
  SetReceived(image, order.offset + length);
  return order.offset + length;
}

absl::StatusOr<std::string> ImageLifecycle::Digest(const storage::ImageIdentity& identity,
                                                   const ImageRecord& image) {
  auto digest = ports_.images.DigestImage(identity, kDigestPatience);
  if (!absl::IsDeadlineExceeded(digest.status())) return digest;
  return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                         base::StrCat("the SHA-256 of image \"", image.name,
                                      "\" is still being computed; finish its import again"));
}

absl::StatusOr<ImageView> ImageLifecycle::Finish(const FinishImportOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateImageId(order.image_id));
  FLATVM_ASSIGN_OR_RETURN(const ClaimPtr claim, Claim(order.tenant, order.image_id));
  FLATVM_ASSIGN_OR_RETURN(ImageView view, ClaimedImage(order.tenant, order.image_id));
  ImageRecord& image = view.image;
  if (image.state == ImageState::kReady) return view;
  if (view.received_bytes < image.size_bytes) return ImageIncomplete(image, view.received_bytes);
  const storage::ImageIdentity identity{.tenant = image.tenant,
                                        .id = image.id,
                                        .format = image.format,
                                        .size_bytes = image.size_bytes};
  FLATVM_ASSIGN_OR_RETURN(const std::string digest, Digest(identity, image));
  if (digest != image.sha256) {
    return DropIfHopeless(
        image,
        base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kChecksumMismatch,
                        "what arrived has another SHA-256 than was announced; was the file "
                        "changed meanwhile? Import it again"));
  }
  const auto disk_mib = ports_.images.SealImage(identity);
  if (!disk_mib.ok()) return DropIfHopeless(image, disk_mib.status());
  image.disk_mib = *disk_mib;
  image.state = ImageState::kReady;
  FLATVM_RETURN_IF_ERROR(ports_.records.PutImage(image));
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(order.tenant); tenant != nullptr) {
    tenant->images.insert_or_assign(image.id, image);
    tenant->imports.erase(image.id);
  }
  return view;
}

}  // namespace flatvm::broker
