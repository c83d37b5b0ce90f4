// flatvmd's end of the link to one front. What comes in is parsed as hostile: whose it is, the
// socket says.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/base/token_bucket.h"
#include "daemon/base/unique_fd.h"
#include "daemon/gate/call_outcome.h"
#include "flatvm/internal/front_link.pb.h"

namespace flatvm::gate {

// A front has 64 calls in flight at most; beyond that many its packets are left in the socket.
constexpr size_t kMaxCallsOfFront = 64;
constexpr size_t kMaxResponseBytes = size_t{4} * 1024 * 1024;

// Thread-compatible; never blocks.
class FrontLink {
 public:
  using Time = base::TokenBucket::Time;

  // Begins with a Hello of `epoch`, which is not 0.
  FrontLink(base::UniqueFd socket, uint64_t epoch);

  int fd() const { return socket_.get(); }

  // Each queues a message, which Flush sends. RESOURCE_EXHAUSTED: the front does not read, and the
  // link must go.
  absl::Status SendConnection(uint64_t connection_id, base::UniqueFd connection);
  absl::Status SendCloseConnections();
  absl::Status SendResult(uint64_t call_id, CallOutcome outcome);

  // Sends what the socket takes. UNAVAILABLE: the front is gone.
  absl::Status Flush();

  // Receives a bounded number of messages, no faster than the pace of one front. CANCELLED: the
  // front closed its end. INVALID_ARGUMENT: it broke the rules, and the link must go; the text says
  // how.
  absl::Status Receive(Time now, std::vector<internal::FromFront>* messages);

  // Ends the link for both ends, whoever else has a duplicate of ours. Thread-safe.
  void Shut();

  // What epoll is to wait for.
  uint32_t Events() const;

  // How long Receive has to be left alone to keep the pace; 0: not at all.
  std::chrono::milliseconds Pause(Time now);

 private:
  struct Item {
    std::string bytes;
    base::UniqueFd descriptor;
  };

  absl::Status Queue(const internal::ToFront& message, base::UniqueFd descriptor);
  absl::Status Check(const internal::FromFront& message) const;

  const base::UniqueFd socket_;
  const uint64_t epoch_;
  std::deque<Item> queue_;
  size_t queued_bytes_ = 0;
  std::set<uint64_t> calls_;  // received and not yet answered
  base::TokenBucket pace_;
  bool paused_ = false;
};

}  // namespace flatvm::gate
