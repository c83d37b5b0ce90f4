#include "network/dnsmasq/systemd_programs.h"

#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "daemon/base/error.h"
#include "daemon/base/names.h"
#include "daemon/base/str_cat.h"
#include "daemon/base/types.h"
#include "daemon/systemd/property_text.h"
#include "daemon/systemd/sandbox.h"
#include "network/dnsmasq/dnsmasq_config.h"
#include "network/dnsmasq/shared_file.h"

namespace flatvm::network {
namespace {

using systemd::BindPaths;
using systemd::ExecCommand;
using systemd::FilterList;
using systemd::UnitProperty;
using Names = std::vector<std::string>;

constexpr std::string_view kPrefix = "flatvm-dnsmasq-";
constexpr std::string_view kSuffix = ".service";
constexpr char kDaemonSlice[] = "flatvmd.slice";
// Itself, its cache, and a fork for each TCP question.
constexpr uint64_t kMemoryMaxBytes = 32 * base::kMebibyte;
constexpr uint64_t kTasksMax = 32;
// Not "activating": one that cannot serve is that for ever, between one try of systemd's and the
// next.
const std::array kRunningStates = {"active", "reloading"};

constexpr uint64_t Capability(unsigned number) { return uint64_t{1} << number; }

// Ports 53 and 67, or raw ICMPv6; and what it insists on, for DHCP to who has no address yet.
uint64_t CapabilitiesOf(const ServerProgram& program) {
  return Capability(CAP_NET_ADMIN) |
         Capability(program.watches_host ? CAP_NET_RAW : CAP_NET_BIND_SERVICE);
}

std::vector<UnitProperty> LifeProperties(const ServerProgram& program,
                                         const SystemdProgramsOptions& options) {
  std::vector<UnitProperty> properties = {
      {"Description", base::StrCat("dnsmasq of flatvm, ", program.name)},
      {"Type", std::string("forking")},  // it goes to the background once it serves
      {"ExecStart", ExecCommand{{options.program,
                                 base::StrCat("--conf-file=", program.folder, "/", kConfigFile)}}},
      {"Restart", std::string("always")},
      {"RestartUSec", uint64_t{1'000'000}},
      {"StartLimitIntervalUSec", uint64_t{0}},   // for as long as it takes
      {"TimeoutStopUSec", uint64_t{2'000'000}},  // its leases are in its clients, too
      {"StandardOutput", std::string("journal")},
      {"StandardError", std::string("journal")},
      {"SyslogIdentifier", std::string("flatvm-dnsmasq")},
      {"CollectMode", std::string("inactive-or-failed")},  // nothing of it stays
      {"Slice", program.tenant.empty()
                    ? std::string(kDaemonSlice)
                    : base::StrCat("flatvm-", base::EscapeUnitComponent(program.tenant), ".slice")},
      {"TasksMax", kTasksMax},
      {"MemoryMax", kMemoryMaxBytes},
      {"LimitCORE", uint64_t{0}},  // a core holds what guests said
      {"OOMScoreAdjust", int32_t{800}},
  };
  if (!program.watches_host) {
    properties.push_back(
        {"Environment", Names{base::StrCat("LD_PRELOAD=", options.quiet_library)}});
  }
  return properties;
}

// Guests speak to it. It has the host's network, and of all else next to nothing.
std::vector<UnitProperty> ConfinementProperties(const ServerProgram& program,
                                                const SystemdProgramsOptions& options) {
  const auto there = [](std::string path) { return BindPaths::Path{std::move(path), false}; };
  const auto perhaps = [](std::string path) { return BindPaths::Path{std::move(path), true}; };
  return {
      {"CapabilityBoundingSet", CapabilitiesOf(program)},
      {"AmbientCapabilities", CapabilitiesOf(program)},
      // Not TemporaryFileSystem=/, which systemd drops beside DynamicUser.
      {"RootDirectory", options.root},
      {"MountAPIVFS", true},
      {"BindReadOnlyPaths",
       BindPaths{{there("/usr"), perhaps("/lib"), perhaps("/lib64"), perhaps("/etc/ld.so.cache"),
                  there("/etc/passwd"), there("/etc/group"), there(program.folder)}}},
      {"RestrictAddressFamilies",
       FilterList{true, {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}}},
      {"SystemCallFilter", FilterList{true, {"@system-service"}}},
      {"SystemCallFilter", FilterList{false,
                                      {"@privileged", "@resources", "@keyring", "@memlock",
                                       "ptrace", "process_vm_readv", "process_vm_writev"}}},
  };
}

absl::StatusOr<bool> IsRunning(systemd::Bus& bus, const std::string& unit) {
  FLATVM_ASSIGN_OR_RETURN(const std::optional<systemd::UnitInfo> info, bus.FindUnit(unit));
  return info && std::find(kRunningStates.begin(), kRunningStates.end(), info->active_state) !=
                     kRunningStates.end();
}

}  // namespace

std::string DnsmasqUnitName(const std::string& name) {
  return base::StrCat(kPrefix, name, kSuffix);
}

std::string NameOfDnsmasqUnit(const std::string& unit) {
  if (!unit.starts_with(kPrefix) || !unit.ends_with(kSuffix) ||
      unit.size() <= kPrefix.size() + kSuffix.size()) {
    return "";
  }
  return unit.substr(kPrefix.size(), unit.size() - kPrefix.size() - kSuffix.size());
}

std::vector<UnitProperty> DnsmasqUnitProperties(const ServerProgram& program,
                                                const SystemdProgramsOptions& options) {
  std::vector<UnitProperty> properties = LifeProperties(program, options);
  for (const std::vector<UnitProperty>& more :
       {systemd::HardeningProperties(), ConfinementProperties(program, options)}) {
    properties.insert(properties.end(), more.begin(), more.end());
  }
  return properties;
}

std::string SystemdPrograms::Terms(const ServerProgram& program) const {
  return systemd::TextOf(DnsmasqUnitProperties(program, options_));
}

absl::Status SystemdPrograms::Start(const ServerProgram& program) {
  FLATVM_RETURN_IF_ERROR(MakeSharedFolder(options_.root));
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  return bus->ReplaceTransientUnit(DnsmasqUnitName(program.name),
                                   DnsmasqUnitProperties(program, options_));
}

absl::Status SystemdPrograms::Reload(const std::string& name) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  return bus->SignalService(DnsmasqUnitName(name), SIGHUP);
}

absl::Status SystemdPrograms::Stop(const std::string& name) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  return bus->StopUnit(DnsmasqUnitName(name));
}

absl::StatusOr<bool> SystemdPrograms::Runs(const std::string& name) {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  return IsRunning(*bus, DnsmasqUnitName(name));
}

absl::StatusOr<std::set<std::string>> SystemdPrograms::ListRunning() {
  FLATVM_ASSIGN_OR_RETURN(const std::unique_ptr<systemd::Bus> bus,
                          systemd::Bus::Open(options_.open_bus));
  FLATVM_ASSIGN_OR_RETURN(const std::vector<std::string> units,
                          bus->ListUnits(base::StrCat(kPrefix, "*", kSuffix),
                                         {kRunningStates.begin(), kRunningStates.end()}));
  std::set<std::string> names;
  for (const std::string& unit : units) names.insert(NameOfDnsmasqUnit(unit));
  return names;
}

}  // namespace flatvm::network
