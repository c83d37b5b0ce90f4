// A libvirtd of a test's own: nothing it does is seen outside the test, and nothing it starts
// outlives it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

namespace flatvm::integration {

// Has the network driver; its networks, dnsmasq processes, files and sockets are in namespaces of
// its own, which `Run` enters.
class PrivateLibvirtd {
 public:
  // Runs `job` on a thread whose network and mount namespaces are new and where a libvirtd answers
  // at the usual socket. Skips the test, saying why, if this machine or user cannot.
  static void Run(const std::function<void()>& job);

  static constexpr char kUri[] = "network:///system";
};

}  // namespace flatvm::integration
