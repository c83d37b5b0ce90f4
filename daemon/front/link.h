// The front's end of the link to flatvmd: packets out, in order, without blocking.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "daemon/base/packet_socket.h"
#include "daemon/base/unique_fd.h"
#include "flatvm/internal/front_link.pb.h"

namespace flatvm::front {

// Thread-safe, but Receive and Flush are one thread's.
class Link {
 public:
  // `wake` makes the receiving thread call Flush when the socket takes packets again
  // (WantsToWrite); any thread calls it, without a lock held.
  Link(base::UniqueFd socket, std::function<void()> wake)
      : socket_(std::move(socket)), wake_(std::move(wake)) {}

  int fd() const { return socket_.get(); }

  // Sends now or queues. False: the queue is full (flatvmd does not read) or the link is broken.
  bool Send(const internal::FromFront& message);

  bool WantsToWrite() const;
  void Flush();

  enum class Event { kMessage, kNothing, kClosed, kBroken };

  // Receives one message; `connection` gets the descriptor of a take_connection. kBroken: what came
  // is no message of flatvmd's.
  Event Receive(internal::ToFront* message, base::UniqueFd* connection);

 private:
  const base::UniqueFd socket_;
  const std::function<void()> wake_;
  mutable std::mutex mutex_;  // guards queue_, and the order of what is sent
  std::deque<std::string> queue_;
};

}  // namespace flatvm::front
