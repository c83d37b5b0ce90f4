// lane: runs commands in a VM over its virtio-serial ports. The two ends of it.
#pragma once

#include <string>
#include <vector>

namespace flatvm::testbed {

// In the VM: serves the port for ever. Returns kLaneFailed if it cannot be opened.
int Serve(const char* path);

struct RunOptions {
  std::string directory;  // holds laneN.sock, and laneN.lock once used
  int timeout_s = 0;      // 0: none
  bool forward_stdin = true;
};

// Outside: runs argv over the first free lane of the directory with this process' stdin, stdout and
// stderr. Returns its exit code, kTimedOut, or kLaneFailed with a message on stderr.
int Run(const RunOptions& options, const std::vector<std::string>& argv);

}  // namespace flatvm::testbed
