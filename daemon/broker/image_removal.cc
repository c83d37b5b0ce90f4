// ImageLifecycle's part for images that go, and for what was cut off.
#include <algorithm>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/broker/image_lifecycle.h"
#include "daemon/broker/request_claim.h"
#include "daemon/broker/validation.h"

namespace flatvm::broker {
namespace {

absl::Status InUse(const std::string& image, const std::string& user) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kImageInUse,
                         base::StrCat("image \"", image, "\" is in use: the disk of secondary \"",
                                      user, "\" stands on it until it is destroyed"));
}

}  // namespace

absl::Status ImageLifecycle::RemoveEffects(const ImageRecord& image) {
  FLATVM_RETURN_IF_ERROR(ports_.images.RemoveImage(image.tenant, image.id));
  return ports_.records.RemoveImage(image.tenant, image.id);
}

absl::Status ImageLifecycle::Drop(const ImageRecord& image) {
  ImageRecord intent = image;
  intent.state = ImageState::kDeleting;
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(image.tenant); tenant != nullptr) {
      tenant->images.insert_or_assign(image.id, intent);
      tenant->imports.erase(image.id);
    }
  }
  FLATVM_RETURN_IF_ERROR(ports_.records.PutImage(intent));
  FLATVM_RETURN_IF_ERROR(RemoveEffects(image));
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(image.tenant); tenant != nullptr) {
    tenant->images.erase(image.id);
  }
  return absl::OkStatus();
}

absl::Status ImageLifecycle::DropIfHopeless(const ImageRecord& image, const absl::Status& why) {
  const base::Reason reason = base::GetErrorInfo(why).reason;
  if (reason != base::Reason::kImageUnusable && reason != base::Reason::kChecksumMismatch) {
    return why;
  }
  LogFailure("removal of an import that can be no image", Drop(image), image.tenant);
  return base::WithContext(why, base::StrCat("image \"", image.name, "\""));
}

absl::StatusOr<ImageView> ImageLifecycle::Remove(const RemoveImageOrder& order) {
  FLATVM_RETURN_IF_ERROR(base::CheckRequestId(order.request_id));
  FLATVM_RETURN_IF_ERROR(ValidateImageReference(order.image));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<RequestClaim> request,
                          RequestClaim::Take(registry_, order.tenant, order.request_id,
                                             ports_.clock.Steady() + settings_.create_timeout));
  std::string id;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.tenant));
    if (const auto* earlier =
            tenant->finished_removals.Find(order.request_id, ports_.clock.Steady())) {
      if (earlier->reference == order.image) return ImageView{.image = earlier->record};
      return base::MakeError(
          absl::StatusCode::kAlreadyExists,
          base::ErrorInfo{.reason = base::Reason::kRequestIdReused, .field = "request_id"},
          "this request id has removed another image");
    }
    FLATVM_ASSIGN_OR_RETURN(const ImageRecord* image,
                            RegistryState::GetImage(*tenant, order.image));
    id = image->id;
  }
  FLATVM_ASSIGN_OR_RETURN(const ClaimPtr claim, Claim(order.tenant, id));
  ImageView view;
  {
    Registry::Access state = registry_.Acquire();
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * tenant, state->GetTenant(order.tenant));
    FLATVM_ASSIGN_OR_RETURN(ImageRecord * image, RegistryState::GetImage(*tenant, id));
    const std::string user = tenant->UserOf(*image);
    if (!user.empty()) return InUse(image->name, user);
    view.image = *image;
    const auto progress = tenant->imports.find(id);
    view.received_bytes =
        progress == tenant->imports.end() ? image->size_bytes : progress->second.received_bytes;
    if (order.mode == Mode::kValidateOnly) return view;
    // From here on no secondary is made from it.
    image->state = ImageState::kDeleting;
  }
  FLATVM_RETURN_IF_ERROR(Drop(view.image));
  Registry::Access state = registry_.Acquire();
  if (TenantEntry* tenant = state->FindTenant(order.tenant); tenant != nullptr) {
    tenant->finished_removals.Remember({.request_id = order.request_id,
                                        .reference = order.image,
                                        .record = view.image,
                                        .finished = ports_.clock.Steady()});
  }
  return view;
}

void ImageLifecycle::LogFailure(const char* what, const absl::Status& status,
                                const std::string& tenant) {
  if (status.ok()) return;
  ports_.log.Log(base::LogLevel::kWarning,
                 base::StrCat(what, " failed, to be tried again: ", base::Message(status)),
                 base::LogFields{.tenant = tenant, .op = "images"});
}

void ImageLifecycle::RepairAtStart(const std::string& tenant_name) {
  std::vector<ImageRecord> importing;
  {
    Registry::Access state = registry_.Acquire();
    const TenantEntry* tenant = state->FindTenant(tenant_name);
    if (tenant == nullptr) return;
    for (const auto& [id, image] : tenant->images) {
      if (image.state == ImageState::kImporting) importing.push_back(image);
    }
  }
  for (const ImageRecord& image : importing) {
    const auto length = ports_.images.EnsureImage(image.tenant, image.id);
    LogFailure("looking at an import", length.status(), tenant_name);
    SetReceived(image, std::min(length.value_or(0), image.size_bytes));
  }
  RemoveOrphanedFiles(tenant_name);
}

void ImageLifecycle::RemoveOrphanedFiles(const std::string& tenant_name) {
  const auto ids = ports_.images.ListImages(tenant_name);
  LogFailure("listing of a tenant's images", ids.status(), tenant_name);
  if (!ids.ok()) return;
  for (const std::string& id : *ids) {
    {
      Registry::Access state = registry_.Acquire();
      const TenantEntry* tenant = state->FindTenant(tenant_name);
      if (tenant == nullptr || tenant->images.contains(id)) continue;
    }
    LogFailure("removal of an orphaned image", ports_.images.RemoveImage(tenant_name, id),
               tenant_name);
  }
}

bool ImageLifecycle::Expired(const ImportProgress& progress) const {
  return settings_.import_expiry.count() > 0 &&
         ports_.clock.Steady() - progress.last_change >= settings_.import_expiry;
}

void ImageLifecycle::RetryLeftovers() {
  std::vector<ImageRecord> leftovers;
  {
    Registry::Access state = registry_.Acquire();
    for (const auto& [name, tenant] : state->tenants) {
      for (const auto& [id, image] : tenant.images) {
        if (tenant.claimed_images.contains(id)) continue;
        const auto progress = tenant.imports.find(id);
        const bool expired = progress != tenant.imports.end() && Expired(progress->second);
        if (image.state == ImageState::kDeleting || expired) leftovers.push_back(image);
      }
    }
  }
  for (const ImageRecord& image : leftovers) {
    const auto claim = Claim(image.tenant, image.id);
    if (!claim.ok()) continue;
    {
      // It may have gone, or gone on, since.
      Registry::Access state = registry_.Acquire();
      const TenantEntry* tenant = state->FindTenant(image.tenant);
      if (tenant == nullptr) continue;
      const auto found = tenant->images.find(image.id);
      const auto progress = tenant->imports.find(image.id);
      if (found == tenant->images.end()) continue;
      const bool expired = progress != tenant->imports.end() && Expired(progress->second);
      if (found->second.state != ImageState::kDeleting && !expired) continue;
    }
    if (image.state == ImageState::kImporting) {
      ports_.log.Log(
          base::LogLevel::kNotice,
          base::StrCat("dropping the import of image ", image.name, ", which nobody goes on with"),
          base::LogFields{.tenant = image.tenant, .op = "images"});
    }
    LogFailure("removal of an image", Drop(image), image.tenant);
  }
}

}  // namespace flatvm::broker
