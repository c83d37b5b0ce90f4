// A network namespace of a test's own, and UDP probes between such namespaces.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "network/ipv4.h"

namespace flatvm::integration {

// Empty but for its loopback. Gone with its last descriptor, links and rules included.
// Thread-compatible.
class NetNamespace {
 public:
  // Null if this process may not make one.
  static std::unique_ptr<NetNamespace> Make();

  // Runs `job` on a thread of its own in the namespace and waits for it.
  void Run(const std::function<void()>& job) const;

  // Runs `ip <words>`, or another program if `program` says so, in the namespace; a failure fails
  // the test.
  void Ip(const std::string& words) const;

  // What `ip link … netns` takes.
  std::string Path() const;

 private:
  explicit NetNamespace(base::UniqueFd fd) : fd_(std::move(fd)) {}
  const base::UniqueFd fd_;
};

// Output of `argv`, run in the calling thread's namespace; a failure fails the test.
std::string RunOrFail(const std::vector<std::string>& argv);

// One datagram's way. Empty `from`: the kernel chooses.
struct Probe {
  const NetNamespace& sender;
  std::string from;
  uint16_t from_port = 0;
  const NetNamespace& receiver;
  std::string to;
  uint16_t to_port = 0;
  std::string device = {};     // sender's SO_BINDTODEVICE; empty: none
  std::string listen_on = {};  // address that the receiver binds; empty: `to`
  uint16_t listen_port = 0;    // 0: `to_port`
};

enum class Expect { kArrival, kSilence };

// Sends until something arrives: for 5 s if it should (links take up to a second to settle), for
// two tries of 100 ms if not. What the receiver saw as "address:port" of the sender, or nothing. If
// it arrives, the receiver answers, and `answered` says if that came back.
std::optional<std::string> SendProbe(const Probe& probe, Expect expect, bool* answered = nullptr);

// Whether an ICMP echo request is answered within a second.
bool IsEchoed(const NetNamespace& sender, const std::string& to);

}  // namespace flatvm::integration
