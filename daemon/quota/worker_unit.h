// A quota worker as a transient systemd unit: its name and properties, as plain data.
#pragma once

#include <string>
#include <vector>

#include "daemon/systemd/unit_property.h"

namespace flatvm::quota {

struct WorkerUnit {
  std::string tenant;
  std::string program;  // absolute path
  int link = -1;        // becomes standard input
  std::string stop_at;  // base::kStopAt of its environment; empty: not set
};

// "flatvm-quota-acme.service"
std::string WorkerUnitName(const std::string& tenant);

std::vector<systemd::UnitProperty> WorkerUnitProperties(const WorkerUnit& unit);

}  // namespace flatvm::quota
