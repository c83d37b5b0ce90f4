// Traffic in bulk between network namespaces, to see how much of it passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/integration/net_namespace.h"

namespace flatvm::integration {

inline constexpr size_t kFloodPayload = 1000;                // bytes of a datagram
inline constexpr uint64_t kFloodFrame = kFloodPayload + 42;  // with Ethernet, IPv4 and UDP
inline constexpr int kFlood = 600;  // datagrams: more than twice a ceiling's least burst, 256 KiB

// How many of kFlood datagrams, sent as fast as that is possible, arrive. `seconds`: that it took
// to send them.
int Flood(const NetNamespace& sender, const NetNamespace& receiver, const std::string& to,
          double* seconds = nullptr);

// Whether that many frames were dropped, of a flood of which `arrived` did: a few that machines
// send by themselves (ARP, groups that they join) may be among them.
inline bool AreTheRest(uint64_t dropped, int arrived) {
  constexpr uint64_t kOthers = 20;
  const auto rest = static_cast<uint64_t>(kFlood - arrived);
  return dropped >= rest && dropped <= rest + kOthers;
}

// How many seconds that many bytes, rounded up to 64 KiB, take by TCP; of the kind that most guests
// have, if the kernel has that.
double Transfer(const NetNamespace& sender, const NetNamespace& receiver, const std::string& to,
                uint64_t bytes);

}  // namespace flatvm::integration
