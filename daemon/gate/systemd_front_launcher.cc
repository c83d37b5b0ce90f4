#include "daemon/gate/systemd_front_launcher.h"

#include <memory>

#include "daemon/base/error.h"
#include "daemon/gate/front_unit.h"

namespace flatvm::gate {

absl::Status SystemdFrontLauncher::Start(const std::string& tenant, base::UniqueFd link) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  return bus->ReplaceTransientUnit(
      FrontUnitName(tenant), FrontUnitProperties({.tenant = tenant,
                                                  .program = options_.program,
                                                  .memory_max_bytes = options_.memory_max_bytes,
                                                  .link = link.get(),
                                                  .stop_at = options_.stop_at}));
}

absl::Status SystemdFrontLauncher::Stop(const std::string& tenant) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  return bus->StopUnit(FrontUnitName(tenant));
}

absl::StatusOr<std::vector<std::string>> SystemdFrontLauncher::ListRunning() {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> units,
                          bus->ListUnits("flatvm-front-*.service", {}));
  std::vector<std::string> tenants;
  for (const std::string& unit : units) {
    if (std::string tenant = TenantOfFrontUnit(unit); !tenant.empty()) {
      tenants.push_back(std::move(tenant));
    }
  }
  return tenants;
}

}  // namespace flatvm::gate
