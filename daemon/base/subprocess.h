// Runs another program: an argument vector, never a shell.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace flatvm::base {

struct ProgramResult {
  int exit_code = 0;   // 128 + signal if it was killed by one
  std::string output;  // standard output and error together, at most 64 KiB
};

// Runs `argv` (argv[0] is an absolute path) with an empty environment but PATH and LANG=C, standard
// input from /dev/null, no signal blocked or ignored, in a process group of its own, and waits for
// it (not for processes it leaves behind). The group is killed when `timeout` has passed.
// Thread-safe; blocks. Needs pidfd_open(2), Linux 5.3.
// Errors: DEADLINE_EXCEEDED / kStageTimedOut; INTERNAL if it could not be started.
absl::StatusOr<ProgramResult> RunProgram(const std::vector<std::string>& argv,
                                         std::chrono::milliseconds timeout);

// The same, and the program inherits the open `file` under its number, so that
// "/proc/self/fd/<file>" in `argv` is that file to it.
absl::StatusOr<ProgramResult> RunProgramOn(int file, const std::vector<std::string>& argv,
                                           std::chrono::milliseconds timeout);

}  // namespace flatvm::base
