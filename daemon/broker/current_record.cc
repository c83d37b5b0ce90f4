#include "daemon/broker/current_record.h"

#include <memory>
#include <mutex>

#include "daemon/base/error.h"

namespace flatvm::broker {

absl::Status PutCurrentRecord(const Ports& ports, Registry& registry, const std::string& tenant) {
  std::shared_ptr<TenantLocks> locks;
  {
    Registry::Access state = registry.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    locks = entry->locks;
  }
  const std::lock_guard lock(locks->record);
  TenantRecord record;
  {
    Registry::Access state = registry.Acquire();
    FLATVM_ASSIGN_OR_RETURN(const TenantEntry* entry, state->GetTenant(tenant));
    record = entry->record;
  }
  return ports.records.PutTenant(record);
}

}  // namespace flatvm::broker
