// The outcomes of a tenant's last finished destroys, so that a repeated request is answered like
// the first. Creates need no such memory: the secondary's record carries their request id.
#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "daemon/broker/records.h"

namespace flatvm::broker {

// Thread-compatible.
class RequestMemory {
 public:
  static constexpr size_t kMaxRemembered = 256;
  static constexpr std::chrono::minutes kLifetime{10};

  struct Outcome {
    std::string request_id;
    std::string reference;  // what the request named
    VmRecord vm;            // as it last was
    std::chrono::steady_clock::time_point finished;
  };

  void Remember(Outcome outcome);
  // Null if `request_id` is empty, unknown or too old.
  const Outcome* Find(const std::string& request_id,
                      std::chrono::steady_clock::time_point now) const;

 private:
  std::deque<Outcome> outcomes_;  // oldest first
};

}  // namespace flatvm::broker
