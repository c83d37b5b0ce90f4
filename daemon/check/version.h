// Versions as programs print them: found in a line of text, and compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace flatvm::check {

struct Version {
  uint32_t major = 0;
  uint32_t minor = 0;
  std::string text;  // all of it, such as "1.47.0"

  bool IsAtLeast(uint32_t wanted_major, uint32_t wanted_minor) const {
    return major != wanted_major ? major > wanted_major : minor >= wanted_minor;
  }
};

// The first word of `output` that begins with a digit: its numbers with points between. nullopt if
// there is none, or they are too large. Pure.
std::optional<Version> FindVersion(std::string_view output);

}  // namespace flatvm::check
