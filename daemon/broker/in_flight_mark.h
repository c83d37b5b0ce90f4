// Marks a secondary or a volume as changing for as long as it lives.
#pragma once

#include <string>
#include <utility>

#include "daemon/broker/registry.h"

namespace flatvm::broker {

// Takes away, when it goes, the mark that its maker put into TenantEntry::in_flight, and wakes
// those who wait for it.
class InFlightMark {
 public:
  InFlightMark(Registry& registry, std::string tenant, std::string id)
      : registry_(registry), tenant_(std::move(tenant)), id_(std::move(id)) {}
  InFlightMark(const InFlightMark&) = delete;
  InFlightMark& operator=(const InFlightMark&) = delete;
  ~InFlightMark() {
    {
      Registry::Access state = registry_.Acquire();
      if (TenantEntry* tenant = state->FindTenant(tenant_); tenant != nullptr) {
        tenant->in_flight.erase(id_);
      }
    }
    registry_.NotifyChanged();
  }

 private:
  Registry& registry_;
  const std::string tenant_;
  const std::string id_;
};

}  // namespace flatvm::broker
