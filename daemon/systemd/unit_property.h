// Properties of a systemd unit as plain data, and as what D-Bus carries. Knows no unit.
#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"

namespace flatvm::systemd {

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

// D-Bus ay: a bit for each CPU, the lowest first. No CPU at all: no limit.
struct CpuSet {
  std::vector<uint32_t> cpus;

  bool operator==(const CpuSet&) const = default;
};

// D-Bus a(st): a limit for each device, such as "/dev/block/254:0". An entry adds to what systemd
// has; only an empty list takes away, from every device.
struct DeviceLimits {
  std::vector<std::pair<std::string, uint64_t>> limits;

  bool operator==(const DeviceLimits&) const = default;
};

// D-Bus a(ssbt): paths of the host's that the unit has at the same place, with what is mounted
// below them.
struct BindPaths {
  struct Path {
    std::string path;
    bool if_there = false;  // it may be missing

    bool operator==(const Path&) const = default;
  };
  std::vector<Path> paths;

  bool operator==(const BindPaths&) const = default;
};

// Types as org.freedesktop.systemd1(5) gives them: b, i, u, t, s, as, and those above.
struct UnitProperty {
  std::string name;
  std::variant<bool, int32_t, uint32_t, uint64_t, std::string, std::vector<std::string>, FilterList,
               ExecCommand, Handle, CpuSet, DeviceLimits, BindPaths>
      value;

  bool operator==(const UnitProperty&) const = default;
};

// Appends an array of strings: 0 or more, or a negative errno.
int AppendNames(sd_bus_message* message, const std::vector<std::string>& names);

// Appends them as a(sv), as StartTransientUnit and SetUnitProperties take them. Errors: INTERNAL.
// Source: org.freedesktop.systemd1(5).
absl::Status AppendUnitProperties(sd_bus_message* message,
                                  const std::vector<UnitProperty>& properties);

}  // namespace flatvm::systemd
