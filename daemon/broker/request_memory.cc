#include "daemon/broker/request_memory.h"

#include <utility>

namespace flatvm::broker {

void RequestMemory::Remember(Outcome outcome) {
  if (outcome.request_id.empty()) return;
  outcomes_.push_back(std::move(outcome));
  if (outcomes_.size() > kMaxRemembered) outcomes_.pop_front();
}

const RequestMemory::Outcome* RequestMemory::Find(const std::string& request_id,
                                                  std::chrono::steady_clock::time_point now) const {
  if (request_id.empty()) return nullptr;
  for (const Outcome& outcome : outcomes_) {
    if (outcome.request_id == request_id && now - outcome.finished <= kLifetime) return &outcome;
  }
  return nullptr;
}

}  // namespace flatvm::broker
