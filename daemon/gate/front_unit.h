// A front as a transient systemd unit: its name and every property of its sandbox, as plain data.
// Sends nothing.
#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace flatvm::gate {

// A list that allows or, with '~', denies: D-Bus (bas).
struct FilterList {
  bool allow = true;
  std::vector<std::string> names;

  bool operator==(const FilterList&) const = default;
};

// D-Bus a(sasb), one command.
struct ExecCommand {
  std::vector<std::string> argv;  // argv[0] is an absolute path

  bool operator==(const ExecCommand&) const = default;
};

// D-Bus h.
struct Handle {
  int fd = -1;

  bool operator==(const Handle&) const = default;
};

// Types as org.freedesktop.systemd1(5) gives them: b, i, u, t, s, as, (bas), a(sasb), h.
struct UnitProperty {
  std::string name;
  std::variant<bool, int32_t, uint32_t, uint64_t, std::string, std::vector<std::string>, FilterList,
               ExecCommand, Handle>
      value;

  bool operator==(const UnitProperty&) const = default;
};

struct FrontUnit {
  std::string tenant;
  std::string program;            // absolute path
  uint64_t memory_max_bytes = 0;  // of the front alone, within its tenant's slice
  int link = -1;                  // becomes standard input
};

// "flatvm-front-acme.service"; TenantOfFrontUnit is its inverse, empty for other units.
std::string FrontUnitName(const std::string& tenant);
std::string TenantOfFrontUnit(const std::string& unit);

std::vector<UnitProperty> FrontUnitProperties(const FrontUnit& unit);

// Appends them as a(sv), as StartTransientUnit takes them.
absl::Status AppendUnitProperties(sd_bus_message* message,
                                  const std::vector<UnitProperty>& properties);

}  // namespace flatvm::gate
