// The broker's settings out of the configuration and the host.
#pragma once

#include "daemon/broker/settings.h"
#include "daemon/config/config.h"

namespace flatvm::app {

// Reads which CPUs are online.
broker::Settings SettingsOf(const config::Config& config);

}  // namespace flatvm::app
