// What a process may not that handles bytes of a guest: properties for a transient service.
#pragma once

#include <string>
#include <vector>

#include "daemon/systemd/unit_property.h"

namespace flatvm::systemd {

// What each of them is denied, whatever it is for: it has a user of its own, and no devices,
// namespaces, settings or clock of the host's, nor sight of others' processes. Capabilities,
// network, files and system calls are its caller's to say.
std::vector<UnitProperty> HardeningProperties();

// A user of its own, no capability, no network, next to no file, few system calls. It gets what it
// works on as descriptors.
std::vector<UnitProperty> SandboxProperties();

// The environment of a program that a test may stop (base::kStopAt); none if `stop_at` is empty.
std::vector<UnitProperty> StopAtProperties(const std::string& stop_at);

}  // namespace flatvm::systemd
