// Ethernet frames as a hostile machine makes them, and what came of them at another.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/base/unique_fd.h"
#include "tests/integration/net_namespace.h"

namespace flatvm::integration {

// Bytes of a text such as "52:54:00:00:00:01" or "0800".
std::string Hex(const std::string& text);

// A frame with what Ethernet's header has; `type` in hexadecimal, as the rest.
std::string EthernetFrame(const std::string& to, const std::string& from, const std::string& type,
                          const std::string& payload);
// An ARP message; `operation` 1 asks, 2 answers.
std::string ArpPayload(int operation, const std::string& sender_mac, const std::string& sender,
                       const std::string& target);
// IPv4 with a right checksum. `fragment`: the 16 bits of flags and offset.
std::string Ipv4Payload(const std::string& from, const std::string& to, int protocol,
                        const std::string& payload, int fragment = 0);
std::string Ipv6Payload(const std::string& from, const std::string& to, int next_header,
                        const std::string& payload, int hop_limit = 255);
// Without a checksum, which is allowed over IPv4.
std::string UdpPayload(int from, int to, const std::string& payload = "marker");

// Sends and receives whole frames on an interface of a namespace. Thread-compatible.
class RawPort {
 public:
  explicit RawPort(const NetNamespace& machine, const std::string& interface = "eth0");

  void Send(const std::string& frame);
  // Whether just this frame comes within `timeout_ms`, disregarding others.
  bool Gets(const std::string& frame, int timeout_ms);
  // The first frame within `timeout_ms` that is `wanted`.
  std::optional<std::string> Find(const std::function<bool(std::string_view)>& wanted,
                                  int timeout_ms);
  // The same for one that ends in `payload`, whichever way it took.
  bool GetsEndOf(const std::string& payload, int timeout_ms);

 private:
  base::UniqueFd fd_;
};

}  // namespace flatvm::integration
