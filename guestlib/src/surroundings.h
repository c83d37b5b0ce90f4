// What the client takes from the system: connections, time, chance, devices. Tests bring their own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <variant>

#include "flatvm/client.h"
#include "guestlib/src/quota_disk.h"
#include "guestlib/src/unique_fd.h"

namespace flatvm::guestlib {

using SteadyTime = std::chrono::steady_clock::time_point;

// Whether a connection that failed may succeed if it is tried again at once.
enum class Outlook { kMayPass, kFinal };

struct ConnectFailure {
  Error error;
  Outlook outlook = Outlook::kMayPass;
};

// A connected stream socket, O_NONBLOCK and CLOEXEC.
using ConnectResult = std::variant<UniqueFd, ConnectFailure>;

struct Surroundings {
  // Connects to the broker, within a time of at least 1 ms. Blocks.
  std::function<ConnectResult(std::chrono::milliseconds timeout)> connect;
  std::function<SteadyTime()> now;
  std::function<void(std::chrono::milliseconds)> sleep;
  std::function<double()> random;  // 0 <= x < 1
  // Whether there is a file of this name; links are followed, and one that leads nowhere is none.
  std::function<bool(const std::string& path)> exists;
  DiskCalls disks;  // for the quota disk
};

// The real ones; connects over vsock as `options` say. Each is thread-safe.
Surroundings RealSurroundings(const ClientOptions& options);

}  // namespace flatvm::guestlib
