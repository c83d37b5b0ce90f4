// ServerPrograms as transient services of systemd, in tenants' slices.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/systemd/bus.h"
#include "network/dnsmasq/server_programs.h"

namespace flatvm::network {

struct SystemdProgramsOptions {
  std::string program = "/usr/sbin/dnsmasq";
  // Loaded before the program's own libraries, so that it is not told of the host's addresses.
  std::string quiet_library = "/usr/libexec/flatvm/flatvm-quiet-netlink.so";
  // Made if it is not there: the root of all that dnsmasqs see, an empty folder but for places that
  // something is mounted at.
  std::string root = "/run/flatvm/root";
  systemd::BusOpener open_bus;  // empty: the system bus
};

// "flatvm-dnsmasq-fv-0ad50400.service"; NameOfDnsmasqUnit is its inverse, empty for other units.
std::string DnsmasqUnitName(const std::string& name);
std::string NameOfDnsmasqUnit(const std::string& unit);

// What it may and may not, as plain data.
std::vector<systemd::UnitProperty> DnsmasqUnitProperties(const ServerProgram& program,
                                                         const SystemdProgramsOptions& options);

// Immutable, hence thread-safe: each call has a connection of its own.
class SystemdPrograms final : public ServerPrograms {
 public:
  explicit SystemdPrograms(SystemdProgramsOptions options) : options_(std::move(options)) {}

  std::string Terms(const ServerProgram& program) const override;
  absl::Status Start(const ServerProgram& program) override;
  absl::Status Reload(const std::string& name) override;
  absl::Status Stop(const std::string& name) override;
  absl::StatusOr<bool> Runs(const std::string& name) override;
  absl::StatusOr<std::set<std::string>> ListRunning() override;

 private:
  const SystemdProgramsOptions options_;
};

}  // namespace flatvm::network
