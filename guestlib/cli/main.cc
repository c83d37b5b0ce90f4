// flatvm: asks this VM's host for siblings.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "guestlib/cli/run_cli.h"

int main(int argc, char** argv) {
  // gRPC writes its own lines about a lost connection to standard error; ours says it better.
  ::setenv("GRPC_VERBOSITY", "NONE", 0);
  // A reader that went away is an error to report, not a death in the midst of a destroy.
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> args(argv + (argc > 0 ? 1 : 0), argv + argc);
  return flatvm::cli::RunCli(
      args, {.connect = flatvm::cli::MakeClientService,
             .now = [] { return std::chrono::system_clock::now(); },
             .find_mount = flatvm::cli::FindMountOfDisk,
             .out = std::cout,
             .err = std::cerr,
             .meter = ::isatty(STDERR_FILENO) == 1 ? flatvm::cli::MeterStyle::kBar
                                                   : flatvm::cli::MeterStyle::kLines});
}
