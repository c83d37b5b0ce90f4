#include "daemon/base/exit_code.h"

#include <array>
#include <cstddef>

namespace flatvm::base {
namespace {

struct CodeEntry {
  const char* name;
  int exit_code;
};

// Indexed by google.rpc.Code.
constexpr std::array<CodeEntry, 17> kCodes = {{{"OK", 0},
                                               {"CANCELLED", 1},
                                               {"UNKNOWN", 1},
                                               {"INVALID_ARGUMENT", 2},
                                               {"DEADLINE_EXCEEDED", 9},
                                               {"NOT_FOUND", 3},
                                               {"ALREADY_EXISTS", 4},
                                               {"PERMISSION_DENIED", 7},
                                               {"RESOURCE_EXHAUSTED", 6},
                                               {"FAILED_PRECONDITION", 5},
                                               {"ABORTED", 10},
                                               {"OUT_OF_RANGE", 2},
                                               {"UNIMPLEMENTED", 11},
                                               {"INTERNAL", 1},
                                               {"UNAVAILABLE", 8},
                                               {"DATA_LOSS", 1},
                                               {"UNAUTHENTICATED", 7}}};

const CodeEntry& Entry(int code) {
  constexpr size_t kUnknown = 2;
  const bool known = code >= 0 && static_cast<size_t>(code) < kCodes.size();
  return kCodes[known ? static_cast<size_t>(code) : kUnknown];
}

}  // namespace

int ExitCodeFor(int canonical_code) { return Entry(canonical_code).exit_code; }

const char* CodeName(int canonical_code) { return Entry(canonical_code).name; }

}  // namespace flatvm::base
