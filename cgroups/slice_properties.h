// A slice's limits as systemd's D-Bus properties.
#pragma once

#include <systemd/sd-bus.h>

#include <string>

#include "cgroups/tenant_cgroups.h"

namespace flatvm::cgroups {

// What systemd is to be told of a slice.
struct SliceProperties {
  SliceLimits limits;
  // What limits.io is about, such as "/dev/block/254:0". Empty: nothing, and there are no limits.
  std::string io_device;
};

// Appends them as one array "a(sv)": the limits, also those that are none, so that earlier ones go;
// what is accounted; and the description, unless it is null. 0 or more, or a negative errno.
// Source: org.freedesktop.systemd1(5); systemd 252, src/core/dbus-cgroup.c,
// bus_cgroup_set_property.
int AppendSliceProperties(sd_bus_message* message, const char* description,
                          const SliceProperties& properties);

}  // namespace flatvm::cgroups
