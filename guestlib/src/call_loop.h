// One call, sent again while that is safe and can help.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "flatvm/client.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/status.h"
#include "guestlib/src/broker_channel.h"
#include "guestlib/src/decode_error.h"
#include "guestlib/src/surroundings.h"

namespace flatvm::guestlib {

// Sends one request, always the same one, and waits for its answer.
using OneCall = std::function<grpc::Status(const Connection&, grpc::ClientContext*)>;

// How a call ended.
struct CallOutcome {
  std::optional<Error> error;  // nullopt: it succeeded
  int sent = 0;                // how often the broker may have seen it
};

// Makes one call; used once, by one thread.
class CallLoop {
 public:
  // All three outlive it.
  CallLoop(BrokerChannel& channel, const Surroundings& surroundings, const RetryPolicy& policy)
      : channel_(channel), surroundings_(surroundings), policy_(policy) {}

  // Blocks for `timeout` at most, but for the connector's own slack. A call that gRPC lost, or that
  // the host's daemon dropped as it restarted, is sent again, as is one that found no connection.
  // Every other answer is final. Ends with the last failure when the policy's patience or the time
  // is up, or when waiting cannot help.
  CallOutcome Run(const OneCall& call, std::chrono::milliseconds timeout);

 private:
  struct Attempt {
    std::optional<Error> error;
    Outlook outlook = Outlook::kFinal;
    bool reached = false;  // the broker was there
    bool stale = false;    // it broke an old connection: no reason to wait
  };

  Attempt TryOnce(const OneCall& call);
  Attempt Judge(const Lease& lease, Failure failure);
  std::chrono::milliseconds Pause(int attempt) const;

  BrokerChannel& channel_;
  const Surroundings& surroundings_;
  const RetryPolicy& policy_;
  std::chrono::milliseconds timeout_{0};
  SteadyTime deadline_;
  int sent_ = 0;
};

}  // namespace flatvm::guestlib
