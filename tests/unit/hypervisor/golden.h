// The files below tests/unit/hypervisor/golden.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace flatvm::hypervisor {

// Empty if there is no such file.
inline std::string ReadGolden(const std::string& name) {
  std::ifstream file(FLATVM_GOLDEN_DIR "/" + name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace flatvm::hypervisor
