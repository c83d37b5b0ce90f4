#include "daemon/gate/front_unit.h"

#include <cerrno>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"

namespace flatvm::gate {
namespace {

constexpr std::string_view kPrefix = "flatvm-front-";
constexpr std::string_view kSuffix = ".service";

using Names = std::vector<std::string>;

// What runs, where, and how it ends.
std::vector<UnitProperty> LifeProperties(const FrontUnit& unit) {
  return {
      {"Description", base::StrCat("flatvm front of tenant ", unit.tenant)},
      {"Type", std::string("exec")},  // the start fails if the program cannot be executed
      {"ExecStart", ExecCommand{{unit.program, "--tenant", unit.tenant}}},
      {"StandardInputFileDescriptor", Handle{unit.link}},
      {"StandardOutput", std::string("journal")},
      {"StandardError", std::string("journal")},
      {"SyslogIdentifier", std::string("flatvm-front")},
      {"CollectMode", std::string("inactive-or-failed")},  // nothing of it stays
      {"TimeoutStopUSec", uint64_t{2'000'000}},            // it holds no state: then SIGKILL
  };
}

// Its share of the tenant's slice. Under pressure the front goes before any VM does.
std::vector<UnitProperty> ResourceProperties(const FrontUnit& unit) {
  std::vector<UnitProperty> properties = {
      {"Slice", base::StrCat("flatvm-", base::EscapeUnitComponent(unit.tenant), ".slice")},
      {"TasksMax", uint64_t{64}},
      {"LimitNOFILE", uint64_t{256}},
      {"LimitCORE", uint64_t{0}},  // a core holds what guests said
      {"OOMPolicy", std::string("kill")},
      {"OOMScoreAdjust", int32_t{900}},
      {"MemorySwapMax", uint64_t{0}},
  };
  if (unit.memory_max_bytes > 0) properties.push_back({"MemoryMax", unit.memory_max_bytes});
  return properties;
}

// No capability, no network, next to no file, few system calls.
std::vector<UnitProperty> SandboxProperties() {
  return {
      {"DynamicUser", true},
      {"UMask", uint32_t{0077}},
      {"NoNewPrivileges", true},
      {"CapabilityBoundingSet", uint64_t{0}},
      {"AmbientCapabilities", uint64_t{0}},
      {"PrivateNetwork", true},
      {"PrivateDevices", true},
      {"PrivateTmp", true},
      {"PrivateIPC", true},
      {"ProtectSystem", std::string("strict")},
      {"ProtectHome", std::string("yes")},
      {"InaccessiblePaths", Names{"-/boot", "-/media", "-/mnt", "-/opt", "-/srv", "-/var",
                                  "-/run/dbus", "-/run/flatvm", "-/run/libvirt"}},
      {"ProtectProc", std::string("invisible")},
      {"ProcSubset", std::string("pid")},
      {"ProtectKernelTunables", true},
      {"ProtectKernelModules", true},
      {"ProtectKernelLogs", true},
      {"ProtectControlGroups", true},
      {"ProtectClock", true},
      {"ProtectHostname", true},
      {"RestrictNamespaces", uint64_t{0}},  // none may be made
      {"RestrictRealtime", true},
      {"RestrictSUIDSGID", true},
      {"RestrictAddressFamilies", FilterList{true, {"AF_UNIX"}}},
      {"LockPersonality", true},
      {"MemoryDenyWriteExecute", true},
      {"KeyringMode", std::string("private")},
      {"SystemCallArchitectures", Names{"native"}},
      {"SystemCallErrorNumber", int32_t{EPERM}},
      // The two add up: what the first allows, less what the second denies. It is handed every
      // connection, so it neither connects nor listens.
      {"SystemCallFilter", FilterList{true, {"@system-service"}}},
      {"SystemCallFilter", FilterList{false,
                                      {"@privileged", "@resources", "@keyring", "@memlock",
                                       "@setuid", "connect", "bind", "listen", "accept", "accept4",
                                       "ptrace", "process_vm_readv", "process_vm_writev"}}},
  };
}

int AppendNames(sd_bus_message* message, const Names& names) {
  int result = ::sd_bus_message_open_container(message, 'a', "s");
  for (const std::string& name : names) {
    if (result >= 0) result = ::sd_bus_message_append(message, "s", name.c_str());
  }
  return result < 0 ? result : ::sd_bus_message_close_container(message);
}

// One overload a D-Bus type; each answers 0 or more, or -errno.
struct ValueAppender {
  sd_bus_message* message;

  int operator()(bool value) const {
    return ::sd_bus_message_append(message, "v", "b", value ? 1 : 0);
  }
  int operator()(int32_t value) const { return ::sd_bus_message_append(message, "v", "i", value); }
  int operator()(uint32_t value) const { return ::sd_bus_message_append(message, "v", "u", value); }
  int operator()(uint64_t value) const { return ::sd_bus_message_append(message, "v", "t", value); }
  int operator()(const std::string& value) const {
    return ::sd_bus_message_append(message, "v", "s", value.c_str());
  }
  int operator()(const Names& value) const {
    int result = ::sd_bus_message_open_container(message, 'v', "as");
    if (result >= 0) result = AppendNames(message, value);
    return result < 0 ? result : ::sd_bus_message_close_container(message);
  }
  int operator()(const FilterList& value) const {
    int result = ::sd_bus_message_open_container(message, 'v', "(bas)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'r', "bas");
    if (result >= 0) result = ::sd_bus_message_append(message, "b", value.allow ? 1 : 0);
    if (result >= 0) result = AppendNames(message, value.names);
    if (result >= 0) result = ::sd_bus_message_close_container(message);
    return result < 0 ? result : ::sd_bus_message_close_container(message);
  }
  int operator()(const ExecCommand& value) const {
    if (value.argv.empty()) return -EINVAL;
    int result = ::sd_bus_message_open_container(message, 'v', "a(sasb)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'a', "(sasb)");
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'r', "sasb");
    if (result >= 0) result = ::sd_bus_message_append(message, "s", value.argv.front().c_str());
    if (result >= 0) result = AppendNames(message, value.argv);
    if (result >= 0) result = ::sd_bus_message_append(message, "b", 0);  // a failure is one
    for (int i = 0; i < 3 && result >= 0; ++i) result = ::sd_bus_message_close_container(message);
    return result;
  }
  int operator()(const Handle& value) const {
    return ::sd_bus_message_append(message, "v", "h", value.fd);
  }
};

}  // namespace

std::string FrontUnitName(const std::string& tenant) {
  return base::StrCat(kPrefix, base::EscapeUnitComponent(tenant), kSuffix);
}

std::string TenantOfFrontUnit(const std::string& unit) {
  if (!unit.starts_with(kPrefix) || !unit.ends_with(kSuffix) ||
      unit.size() <= kPrefix.size() + kSuffix.size()) {
    return "";
  }
  constexpr std::string_view kDash = "\\x2d";  // the only escape that a tenant's name needs
  std::string tenant = unit.substr(kPrefix.size(), unit.size() - kPrefix.size() - kSuffix.size());
  for (size_t at = tenant.find(kDash); at != std::string::npos; at = tenant.find(kDash)) {
    tenant.replace(at, kDash.size(), "-");
  }
  return base::IsName(tenant) && FrontUnitName(tenant) == unit ? tenant : "";
}

std::vector<UnitProperty> FrontUnitProperties(const FrontUnit& unit) {
  std::vector<UnitProperty> properties = LifeProperties(unit);
  for (const std::vector<UnitProperty>& more : {ResourceProperties(unit), SandboxProperties()}) {
    properties.insert(properties.end(), more.begin(), more.end());
  }
  return properties;
}

absl::Status AppendUnitProperties(sd_bus_message* message,
                                  const std::vector<UnitProperty>& properties) {
  int result = ::sd_bus_message_open_container(message, 'a', "(sv)");
  for (const UnitProperty& property : properties) {
    if (result >= 0) result = ::sd_bus_message_open_container(message, 'r', "sv");
    if (result >= 0) result = ::sd_bus_message_append(message, "s", property.name.c_str());
    if (result >= 0) result = std::visit(ValueAppender{message}, property.value);
    if (result >= 0) result = ::sd_bus_message_close_container(message);
    if (result < 0) {
      return base::ErrnoError(-result, base::StrCat("unit property ", property.name));
    }
  }
  if (result >= 0) result = ::sd_bus_message_close_container(message);
  return result < 0 ? base::ErrnoError(-result, "unit properties") : absl::OkStatus();
}

}  // namespace flatvm::gate
