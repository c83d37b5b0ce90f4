// A slice's limits as systemd's D-Bus properties.
#pragma once

#include <string>
#include <vector>

#include "cgroups/tenant_cgroups.h"
#include "daemon/systemd/unit_property.h"

namespace flatvm::cgroups {

// The limits, also those that are none, so that earlier ones go, and what is accounted. `io_device`
// is what limits.io is about, such as "/dev/block/254:0"; empty: nothing, and there are no limits.
// Source: org.freedesktop.systemd1(5); systemd 252, src/core/dbus-cgroup.c,
// bus_cgroup_set_property.
std::vector<systemd::UnitProperty> SliceProperties(const SliceLimits& limits,
                                                   const std::string& io_device);

}  // namespace flatvm::cgroups
