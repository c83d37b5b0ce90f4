// The outcomes of a tenant's last finished destroys or deletes, so that a repeated request is
// answered like the first. Creates need no such memory: a record carries its create's request id.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <utility>

namespace flatvm::broker {

// Thread-compatible. `Record` is what was destroyed or deleted.
template <typename Record>
class RequestMemory {
 public:
  static constexpr size_t kMaxRemembered = 256;
  static constexpr std::chrono::minutes kLifetime{10};

  struct Outcome {
    std::string request_id;
    std::string reference;  // what the request named
    Record record;          // as it last was
    std::chrono::steady_clock::time_point finished;
  };

  void Remember(Outcome outcome) {
    if (outcome.request_id.empty()) return;
    outcomes_.push_back(std::move(outcome));
    if (outcomes_.size() > kMaxRemembered) outcomes_.pop_front();
  }

  // Null if `request_id` is empty, unknown or too old.
  const Outcome* Find(const std::string& request_id,
                      std::chrono::steady_clock::time_point now) const {
    if (request_id.empty()) return nullptr;
    for (const Outcome& outcome : outcomes_) {
      if (outcome.request_id == request_id && now - outcome.finished <= kLifetime) return &outcome;
    }
    return nullptr;
  }

 private:
  std::deque<Outcome> outcomes_;  // oldest first
};

}  // namespace flatvm::broker
