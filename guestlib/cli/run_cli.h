// flatvm from its words to its exit code.
#pragma once

#include <chrono>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "guestlib/cli/host_service.h"
#include "guestlib/cli/import_meter.h"
#include "guestlib/cli/mounted_disk.h"

namespace flatvm::cli {

struct Surroundings {
  ServiceFactory connect;
  std::function<std::chrono::system_clock::time_point()> now;
  MountFinder find_mount;
  std::ostream& out;
  std::ostream& err;
  MeterStyle meter = MeterStyle::kLines;  // of what takes long, on `err`
  ImportMeter::Clock steady = [] { return std::chrono::steady_clock::now(); };
};

// Does what `args` (without the program's name) ask and returns the exit code (exit_code.h). An
// answer that cannot be written is an error too.
int RunCli(const std::vector<std::string>& args, const Surroundings& surroundings);

}  // namespace flatvm::cli
