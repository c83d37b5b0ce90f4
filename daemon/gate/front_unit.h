// A front as a transient systemd unit: its name and every property of its sandbox, as plain data.
// Sends nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/systemd/unit_property.h"

namespace flatvm::gate {

struct FrontUnit {
  std::string tenant;
  std::string program;            // absolute path
  uint64_t memory_max_bytes = 0;  // of the front alone, within its tenant's slice
  int link = -1;                  // becomes standard input
  std::string stop_at;            // base::kStopAt of its environment; empty: not set
};

// "flatvm-front-acme.service"; TenantOfFrontUnit is its inverse, empty for other units.
std::string FrontUnitName(const std::string& tenant);
std::string TenantOfFrontUnit(const std::string& unit);

std::vector<systemd::UnitProperty> FrontUnitProperties(const FrontUnit& unit);

}  // namespace flatvm::gate
