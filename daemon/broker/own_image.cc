#include "daemon/broker/own_image.h"

#include <algorithm>
#include <utility>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::broker {

absl::Status ImageIncomplete(const ImageRecord& image, uint64_t received_bytes) {
  return base::MakeError(absl::StatusCode::kFailedPrecondition, base::Reason::kImageIncomplete,
                         base::StrCat("image \"", image.name, "\" is not imported yet: ",
                                      received_bytes, " of ", image.size_bytes, " bytes are here"));
}

absl::Status CheckImageReady(const TenantEntry& tenant, const ImageRecord& image) {
  switch (image.state) {
    case ImageState::kReady:
      return absl::OkStatus();
    case ImageState::kDeleting:
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             base::StrCat("image \"", image.name, "\" is being removed"));
    case ImageState::kImporting:
      break;
  }
  const auto progress = tenant.imports.find(image.id);
  return ImageIncomplete(image,
                         progress == tenant.imports.end() ? 0 : progress->second.received_bytes);
}

absl::Status CheckImageReady(TenantEntry& tenant, const std::string& id) {
  FLATVM_ASSIGN_OR_RETURN(const ImageRecord* image, RegistryState::GetImage(tenant, id));
  return CheckImageReady(tenant, *image);
}

absl::StatusOr<std::optional<VmImage>> FindOwnImage(const TenantEntry& tenant,
                                                    const std::string& name,
                                                    const storage::TenantImages& files) {
  const auto found = std::find_if(tenant.images.begin(), tenant.images.end(),
                                  [&](const auto& entry) { return entry.second.name == name; });
  if (found == tenant.images.end()) return std::nullopt;
  const ImageRecord& image = found->second;
  FLATVM_RETURN_IF_ERROR(CheckImageReady(tenant, image));
  return VmImage{
      .id = image.id,
      .image = {.name = image.name,
                .disk = storage::ImageDisk{.path = files.ImagePath(image.tenant, image.id),
                                           .format = image.format,
                                           .size_mib = image.disk_mib,
                                           .owner = storage::DiskOwner::kTenant,
                                           .sha256 = image.sha256}}};
}

absl::StatusOr<VmImage> ChooseImage(Registry& registry, const Ports& ports,
                                    const std::string& tenant, const std::string& name) {
  {
    Registry::Access state = registry.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetReadyTenant(tenant));
    FLATVM_ASSIGN_OR_RETURN(std::optional<VmImage> own, FindOwnImage(*entry, name, ports.images));
    if (own.has_value()) return *std::move(own);
  }
  FLATVM_ASSIGN_OR_RETURN(storage::CatalogImage image, ports.storage.GetImage(name));
  return VmImage{.id = "", .image = std::move(image)};
}

}  // namespace flatvm::broker
