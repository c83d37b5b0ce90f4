// flatvmctl: the operator's command line.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "daemon/ctl/run_ctl.h"

int main(int argc, char** argv) {
  // gRPC writes its own lines about a lost connection to standard error; ours says it better.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  // For somebody who watches.
  flatvm::ctl::ProgressFn progress;
  if (::isatty(STDERR_FILENO) == 1) {
    progress = [](const std::string& what) { std::cerr << "flatvmctl: " << what << " ...\n"; };
  }
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return flatvm::ctl::RunCtl(
      args, {.out = std::cout,
             .err = std::cerr,
             .sleep = [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); },
             .progress = progress});
}
