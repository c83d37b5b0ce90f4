#include "daemon/app/requirements.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "daemon/base/durable_file.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/unique_fd.h"
#include "network/ipv4.h"
#include "network/ipv6.h"

namespace flatvm::app {
namespace {

using Messages = std::vector<std::string>;

void CheckRoot(Messages* unmet) {
  if (::geteuid() != 0)
    unmet->push_back("flatvmd must run as root; start it with systemctl start flatvmd");
}

void CheckSystemd(const HostPaths& paths, Messages* unmet) {
  if (::access(paths.systemd_marker.c_str(), F_OK) == 0) return;
  unmet->push_back("systemd does not run this host (" + paths.systemd_marker +
                   " is missing); flatvm needs it for the tenants' slices");
}

void CheckCgroups(const HostPaths& paths, Messages* unmet) {
  const auto text = base::ReadFile(paths.cgroup_root + "/cgroup.controllers", 4096);
  if (!text.ok()) {
    unmet->push_back("cgroup v2 is not mounted at " + paths.cgroup_root +
                     "; boot with systemd.unified_cgroup_hierarchy=1");
    return;
  }
  const std::string line(absl::StripAsciiWhitespace(*text));
  const std::vector<std::string> controllers = absl::StrSplit(line, ' ');
  for (const char* needed : {"cpu", "cpuset", "io", "memory", "pids"}) {
    if (std::find(controllers.begin(), controllers.end(), needed) != controllers.end()) continue;
    unmet->push_back(base::StrCat("the kernel's cgroup v2 has no ", needed, " controller (",
                                  paths.cgroup_root, "/cgroup.controllers)"));
  }
}

void CheckVsock(const HostPaths& paths, Messages* unmet) {
  if (::access(paths.vhost_vsock.c_str(), F_OK) == 0) return;
  unmet->push_back(paths.vhost_vsock + " is missing; load it with modprobe vhost_vsock");
}

void CheckProgram(const std::string& path, const std::string& why, Messages* unmet) {
  if (::access(path.c_str(), X_OK) == 0) return;
  unmet->push_back(path + " cannot be executed; " + why);
}

void CheckStateDirectory(const std::string& path, Messages* unmet) {
  if (::access(path.c_str(), R_OK | W_OK | X_OK) != 0) {
    unmet->push_back(base::StrCat("the state directory ", path,
                                  " is missing or not writable; create it with install -d -m 0711 ",
                                  path));
    return;
  }
  const base::UniqueFd file(
      ::open(path.c_str(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (file.valid()) return;
  unmet->push_back(base::StrCat("the state directory ", path,
                                " is on a filesystem without direct I/O, which secondaries' disks "
                                "need; put it on ext4, XFS or btrfs"));
}

void CheckSubnets(const config::Config& config, Messages* unmet) {
  const auto pool = network::ParseIpv4Subnet("network.subnet_pool", config.subnet_pool);
  if (!pool.ok()) {
    unmet->push_back(std::string(pool.status().message()));
    return;
  }
  const uint32_t prefix = config.subnet_prefix_length;
  if (prefix < pool->prefix_length || prefix > 29) {
    unmet->push_back(base::StrCat("network.subnet_prefix_length: must be ", pool->prefix_length,
                                  "..29 to cut the pool ", config.subnet_pool, ", not ", prefix));
  }
}

void CheckIpv6Pool(const std::string& pool, Messages* unmet) {
  if (pool == "auto" || pool == "none") return;
  const auto parsed = network::ParseIpv6Pool("network.ipv6_pool", pool);
  if (!parsed.ok()) {
    unmet->push_back(base::StrCat(base::Message(parsed.status()), "; or be \"auto\", or \"none\""));
  }
}

}  // namespace

std::vector<std::string> UnmetRequirements(const config::Config& config, const HostPaths& paths) {
  Messages unmet;
  CheckRoot(&unmet);
  CheckSystemd(paths, &unmet);
  CheckCgroups(paths, &unmet);
  CheckVsock(paths, &unmet);
  CheckProgram(config.front_program, "it comes with the package flatvm-host", &unmet);
  CheckProgram(config.quota_program, "it comes with the package flatvm-host", &unmet);
  CheckProgram(config.import_program, "it comes with the package flatvm-host", &unmet);
  CheckProgram(config.qemu_img_program, "install the package qemu-utils", &unmet);
  CheckStateDirectory(config.state_dir, &unmet);
  CheckSubnets(config, &unmet);
  CheckIpv6Pool(config.ipv6_pool, &unmet);
  return unmet;
}

}  // namespace flatvm::app
