// An import's worker as a transient systemd unit: its name and properties, as plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/systemd/unit_property.h"

namespace flatvm::imports {

struct ImportUnit {
  std::string tenant;
  std::string program;      // absolute path
  uint64_t size_bytes = 0;  // of the image: no file of the worker's becomes larger
  int link = -1;            // becomes standard input
};

// "flatvm-import-acme-<id>.service", '-' in the tenant's name escaped.
std::string ImportUnitName(const std::string& tenant, const std::string& image_id);

std::vector<systemd::UnitProperty> ImportUnitProperties(const ImportUnit& unit);

}  // namespace flatvm::imports
