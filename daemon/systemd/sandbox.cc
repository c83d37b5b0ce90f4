#include "daemon/systemd/sandbox.h"

#include <cerrno>
#include <cstdint>
#include <string>

#include "daemon/base/steps.h"
#include "daemon/base/str_cat.h"

namespace flatvm::systemd {

using Names = std::vector<std::string>;

std::vector<UnitProperty> HardeningProperties() {
  return {
      {"DynamicUser", true},
      {"UMask", uint32_t{0077}},
      {"NoNewPrivileges", true},
      {"PrivateDevices", true},
      {"PrivateIPC", true},
      {"ProtectHome", std::string("yes")},
      {"ProtectProc", std::string("invisible")},
      {"ProtectKernelTunables", true},
      {"ProtectKernelModules", true},
      {"ProtectKernelLogs", true},
      {"ProtectControlGroups", true},
      {"ProtectClock", true},
      {"ProtectHostname", true},
      {"RestrictNamespaces", uint64_t{0}},  // none may be made
      {"RestrictRealtime", true},
      {"RestrictSUIDSGID", true},
      {"LockPersonality", true},
      {"MemoryDenyWriteExecute", true},
      {"KeyringMode", std::string("private")},
      {"SystemCallArchitectures", Names{"native"}},
      {"SystemCallErrorNumber", int32_t{EPERM}},
  };
}

std::vector<UnitProperty> SandboxProperties() {
  std::vector<UnitProperty> properties = HardeningProperties();
  const std::vector<UnitProperty> own = {
      {"CapabilityBoundingSet", uint64_t{0}},
      {"AmbientCapabilities", uint64_t{0}},
      {"PrivateNetwork", true},
      {"PrivateTmp", true},
      {"ProtectSystem", std::string("strict")},
      {"InaccessiblePaths", Names{"-/boot", "-/media", "-/mnt", "-/opt", "-/srv", "-/var",
                                  "-/run/dbus", "-/run/flatvm", "-/run/libvirt"}},
      {"ProcSubset", std::string("pid")},
      {"RestrictAddressFamilies", FilterList{true, {"AF_UNIX"}}},
      // The two add up: what the first allows, less what the second denies. It is handed every
      // connection, so it neither connects nor listens.
      {"SystemCallFilter", FilterList{true, {"@system-service"}}},
      {"SystemCallFilter", FilterList{false,
                                      {"@privileged", "@resources", "@keyring", "@memlock",
                                       "@setuid", "connect", "bind", "listen", "accept", "accept4",
                                       "ptrace", "process_vm_readv", "process_vm_writev"}}},
  };
  properties.insert(properties.end(), own.begin(), own.end());
  return properties;
}

std::vector<UnitProperty> StopAtProperties(const std::string& stop_at) {
  if (stop_at.empty()) return {};
  return {{"Environment", Names{base::StrCat(base::kStopAt, "=", stop_at)}}};
}

}  // namespace flatvm::systemd
