// What the host must have before flatvmd can do its work, checked at start: one exact message for
// each that is unmet.
#pragma once

#include <string>
#include <vector>

#include "daemon/config/config.h"

namespace flatvm::app {

// Where the host's facts are read; a test points it at a directory tree.
struct HostPaths {
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string systemd_marker = "/run/systemd/system";
  std::string vhost_vsock = "/dev/vhost-vsock";
};

// Every unmet requirement, in the order an operator would mend them; empty: the host will do. Does
// not speak to libvirt or systemd: their own rooms do, with their own messages.
std::vector<std::string> UnmetRequirements(const config::Config& config, const HostPaths& paths);

}  // namespace flatvm::app
