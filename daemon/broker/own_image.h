// What a secondary's disk may stand on of a tenant's own images.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/broker/records.h"
#include "daemon/broker/registry.h"
#include "daemon/broker/settings.h"
#include "storage/tenant_images.h"
#include "storage/tenant_storage.h"

namespace flatvm::broker {

// What a secondary's disk is made from.
struct VmImage {
  std::string id;  // of the tenant's own image; empty: it is the catalog's
  storage::CatalogImage image;
};

// The tenant's image of this name; nullopt if it has none, and then the catalog's is meant. Errors:
// as CheckImageReady.
absl::StatusOr<std::optional<VmImage>> FindOwnImage(const TenantEntry& tenant,
                                                    const std::string& name,
                                                    const storage::TenantImages& files);

// The image that a secondary of `tenant` is to be made from: its own come before the catalog's.
// Errors: as FindOwnImage and TenantStorage::GetImage; NOT_FOUND / kTenantNotFound.
absl::StatusOr<VmImage> ChooseImage(Registry& registry, const Ports& ports,
                                    const std::string& tenant, const std::string& name);

// OK if it is kReady. Errors: FAILED_PRECONDITION / kImageIncomplete while it is imported; ABORTED
// / kChangeInFlight while it is removed.
absl::Status CheckImageReady(const TenantEntry& tenant, const ImageRecord& image);

// The same by id. Errors: also NOT_FOUND / kImageNotFound.
absl::Status CheckImageReady(TenantEntry& tenant, const std::string& id);

// FAILED_PRECONDITION / kImageIncomplete with the numbers.
absl::Status ImageIncomplete(const ImageRecord& image, uint64_t received_bytes);

}  // namespace flatvm::broker
