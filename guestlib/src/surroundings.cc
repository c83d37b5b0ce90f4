#include "guestlib/src/surroundings.h"

#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

#include "guestlib/src/vsock_connect.h"

namespace flatvm::guestlib {
namespace {

double RandomFraction() {
  uint32_t bits = 0;
  // Without it the pauses of many clients coincide, and nothing worse.
  if (::getrandom(&bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) return 0.5;
  return static_cast<double>(bits) / 4294967296.0;
}

}  // namespace

Surroundings RealSurroundings(const ClientOptions& options) {
  const BrokerAddress broker{
      .cid = options.cid, .port = options.port, .source_port = options.source_port};
  return {.connect =
              [broker](std::chrono::milliseconds timeout) { return ConnectVsock(broker, timeout); },
          .now = [] { return std::chrono::steady_clock::now(); },
          .sleep = [](std::chrono::milliseconds pause) { std::this_thread::sleep_for(pause); },
          .random = RandomFraction,
          .exists = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; },
          .disks = RealDiskCalls()};
}

}  // namespace flatvm::guestlib
