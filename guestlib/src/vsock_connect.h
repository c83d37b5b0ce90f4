// Opens a vsock connection to the broker from a source port that proves the caller to be root.
#pragma once

#include <chrono>
#include <cstdint>

#include "flatvm/client.h"
#include "guestlib/src/surroundings.h"

namespace flatvm::guestlib {

struct BrokerAddress {
  uint32_t cid = 2;
  uint32_t port = 710;
  SourcePort source_port = SourcePort::kPrivileged;
};

// Thread-safe; blocks at most about `timeout`. Errors: those of the functions below.
ConnectResult ConnectVsock(const BrokerAddress& broker, std::chrono::milliseconds timeout);

// What an errno of socket(2), of bind(2) to a port below 1024, or of connect(2) means (vsock(7)).
// Pure.
ConnectFailure SocketFailure(int error);
ConnectFailure BindFailure(int error);
ConnectFailure ConnectionFailure(int error, const BrokerAddress& broker,
                                 std::chrono::milliseconds timeout);

}  // namespace flatvm::guestlib
