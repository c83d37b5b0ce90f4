#include "daemon/broker/request_claim.h"

#include "daemon/base/error.h"

namespace flatvm::broker {

absl::StatusOr<std::unique_ptr<RequestClaim>> RequestClaim::Take(
    Registry& registry, const std::string& tenant, const std::string& request_id,
    std::chrono::steady_clock::time_point deadline) {
  Registry::Access state = registry.Acquire();
  while (true) {
    FLATVM_ASSIGN_OR_RETURN(TenantEntry * entry, state->GetTenant(tenant));
    if (request_id.empty() || entry->claimed_requests.insert(request_id).second) {
      return std::unique_ptr<RequestClaim>(new RequestClaim(registry, tenant, request_id));
    }
    if (!state.WaitForChange(deadline)) {
      return base::MakeError(absl::StatusCode::kAborted, base::Reason::kChangeInFlight,
                             "the same request is still being carried out");
    }
  }
}

RequestClaim::~RequestClaim() {
  if (request_id_.empty()) return;
  {
    Registry::Access state = registry_.Acquire();
    if (TenantEntry* tenant = state->FindTenant(tenant_); tenant != nullptr) {
      tenant->claimed_requests.erase(request_id_);
    }
  }
  registry_.NotifyChanged();
}

}  // namespace flatvm::broker
