#include "daemon/broker/image_claim.h"

#include "daemon/base/error.h"

namespace flatvm::broker {

absl::StatusOr<std::unique_ptr<ImageClaim>> ImageClaim::Take(
    Registry& registry, const std::string& tenant, const std::string& id,
    std::chrono::steady_clock::time_point deadline) {
  Registry::Access state = registry.Acquire();
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state->GetTenant(tenant));
    if (entry->claimed_images.insert(id).second) {
      return std::unique_ptr<ImageClaim>(new ImageClaim(registry, tenant, id));
    }
    if (!state.WaitForChange(deadline)) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "another change of this image is under way; try again later");
    }
  }
}

ImageClaim::~ImageClaim() {
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(tenant_); tenant != nullptr) {
      tenant->claimed_images.erase(id_);
    }
  }
  registry_.NotifyChanged();
}

}  // namespace flatvm::broker
