// The calls that wait for flatvmd's answer. Knows the link's messages, but neither the link nor
// gRPC.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "daemon/base/steps.h"
#include "daemon/front/outcome.h"
#include "flatvm/internal/front_link.pb.h"

namespace flatvm::front {

constexpr size_t kMaxRequestBytes = size_t{64} * 1024;
constexpr size_t kMaxResponseBytes = size_t{4} * 1024 * 1024;
constexpr size_t kMaxCallsInFlight = 64;

// Thread-safe.
class CallTable {
 public:
  // Sends a message to flatvmd; false: it cannot be sent. Called without a lock held, by any
  // thread.
  using Send = std::function<bool(const internal::FromFront&)>;
  // Called exactly once for each call, by any thread, perhaps before Start returns, without a lock
  // held.
  using Done = std::function<void(Outcome)>;

  struct Request {
    std::string method;                    // as "CreateVm"
    std::string bytes;                     // serialized request message
    std::chrono::milliseconds timeout{0};  // left of the caller's deadline; 0: none
  };

  explicit CallTable(Send send, base::Steps steps = {})
      : send_(std::move(send)), steps_(std::move(steps)) {}

  // Sends the call on. It fails at once with INVALID_ARGUMENT / kMessageTooLarge,
  // RESOURCE_EXHAUSTED / kTenantCallLimit, or UNAVAILABLE / kBrokerUnreachable.
  void Start(Request request, Done done);

  // flatvmd (re)started: calls of another epoch fail with UNAVAILABLE / kDaemonRestarted.
  void OnHello(uint64_t epoch);

  // A part of an answer. False: it breaks the link's rules, and so does whoever sent it.
  bool OnResult(internal::CallResult result);

  // The link is gone: every call fails with UNAVAILABLE / kBrokerUnreachable, as do later ones.
  void Close();

  size_t InFlight() const;

 private:
  struct Waiting {
    Done done;
    std::string response;  // joined so far
  };

  // Takes `done` and gives the call its number, or says why not and leaves both alone.
  std::optional<Outcome> Enter(Done* done, internal::Call* call);
  static void FailAll(const std::map<uint64_t, Waiting>& calls, const Outcome& outcome);

  const Send send_;
  const base::Steps steps_;
  mutable std::mutex mutex_;  // guards all below
  std::map<uint64_t, Waiting> calls_;
  uint64_t last_id_ = 0;
  uint64_t epoch_ = 0;
  bool closed_ = false;
};

}  // namespace flatvm::front
