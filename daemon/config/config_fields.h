// Every key of the configuration file, in the order they are written: where it stands, where it
// goes in Config, and what it may be. Reading and describing both follow this one table.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "daemon/config/config.h"

namespace flatvm::config {

enum class TextKind {
  kAny,           // 1..256 printable ASCII characters
  kAbsolutePath,  // as kAny, and begins with '/'
  kInterface,     // a network interface's name, or "auto"
  kSubnet,        // "a.b.c.d/n", n in 8..29; its address is checked where it is used
};

struct TextField {
  std::string Config::*member;
  TextKind kind;
};

struct FlagField {
  bool Config::*member;
};

// A JSON number.
struct NumberField {
  uint32_t Config::*member;
  uint32_t min;
  uint32_t max;
};

// A string such as "64MiB"; min and max in MiB.
struct SizeField {
  uint32_t Config::*member;
  uint32_t min;
  uint32_t max;
};

// A string such as "30s"; min and max in ms.
struct DurationField {
  uint32_t Config::*member;
  uint32_t min;
  uint32_t max;
};

struct ConfigField {
  std::string_view section;  // "" for the top level
  std::string_view key;
  std::variant<TextField, FlagField, NumberField, SizeField, DurationField> kind;

  // "vsock.port".
  std::string Path() const;
};

std::span<const ConfigField> ConfigFields();

// True if there is a section of this name.
bool IsSection(std::string_view name);

}  // namespace flatvm::config
