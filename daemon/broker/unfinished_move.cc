#include "daemon/broker/unfinished_move.h"

#include <utility>

namespace flatvm::broker {

std::unique_ptr<UnfinishedMove> UnfinishedMove::Claim(Registry& registry,
                                                      const std::string& tenant_name,
                                                      const std::string& id, VolumeState state) {
  VolumeRecord volume;
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access access = registry.Acquire();
    TenantEntry* tenant = access->FindTenant(tenant_name);
    if (tenant == nullptr) return nullptr;
    const auto found = tenant->volumes.find(id);
    if (found == tenant->volumes.end() || found->second.state != state ||
        !tenant->in_flight.insert(id).second) {
      return nullptr;
    }
    volume = found->second;
    locks = tenant->locks;
  }
  return std::unique_ptr<UnfinishedMove>(
      new UnfinishedMove(registry, std::move(volume), std::move(locks)));
}

}  // namespace flatvm::broker
