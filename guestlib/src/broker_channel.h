// The one gRPC connection that all calls of a client share: made when needed, replaced when lost.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <variant>

#include "flatvm/v1/images.grpc.pb.h"
#include "flatvm/v1/secondary_vms.grpc.pb.h"
#include "flatvm/v1/volumes.grpc.pb.h"
#include "guestlib/src/surroundings.h"

namespace flatvm::guestlib {

// Immutable; the stubs are thread-safe and share the connection.
struct Connection {
  std::unique_ptr<v1::SecondaryVms::Stub> vms;
  std::unique_ptr<v1::Volumes::Stub> volumes;
  std::unique_ptr<v1::Images::Stub> images;
  // The broker has said something on it, so it did not refuse us.
  bool greeted = false;
};

enum class Origin { kFresh, kReused };

struct Lease {
  std::shared_ptr<const Connection> connection;
  Origin origin = Origin::kFresh;
};

// Thread-safe.
class BrokerChannel {
 public:
  // `surroundings` outlives it.
  BrokerChannel(const Surroundings& surroundings, std::chrono::milliseconds connect_timeout)
      : surroundings_(surroundings), connect_timeout_(connect_timeout) {}

  // The connection, made first if there is none; one caller connects while the others wait. Blocks
  // until `deadline` at most. Errors: the connector's; PERMISSION_DENIED / kPolicyForbids, which
  // may pass, if the broker hung up without a word.
  std::variant<Lease, ConnectFailure> Get(SteadyTime deadline);

  // `lease` was of use: keep its connection a while.
  void Keep(const Lease& lease);

  // The connection of `lease` is broken: the next Get makes another.
  void Drop(const Lease& lease);

 private:
  // The current connection if it can be expected to live; nullptr: none.
  std::shared_ptr<const Connection> Current();
  std::variant<Lease, ConnectFailure> Connect(SteadyTime deadline);

  const Surroundings& surroundings_;
  const std::chrono::milliseconds connect_timeout_;

  std::timed_mutex connecting_;  // held by the caller that connects; guards nothing

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<const Connection> current_;
  SteadyTime last_used_;
};

}  // namespace flatvm::guestlib
