// flatvmd as a front sees it: the other end of its link, in the test's hands.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "daemon/base/packet_socket.h"
#include "flatvm/internal/front_link.pb.h"

namespace flatvm::front {

constexpr int kPatienceMs =
    20'000;  // far beyond what a loaded machine needs; only a failing test waits so long

// A socketpair in place of an accepted vsock connection.
struct SocketPair {
  base::UniqueFd client;
  base::UniqueFd accepted;
};

inline SocketPair MakeConnection() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  return {.client = base::UniqueFd(ends[0]), .accepted = base::UniqueFd(ends[1])};
}

// True when the other end closed within the time a test has; reads on what comes before.
inline bool WaitForClose(int socket) {
  while (true) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kPatienceMs) != 1) return false;
    char buffer[4096];
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) return true;
  }
}

class FakeDaemon {
 public:
  explicit FakeDaemon(base::UniqueFd link) : link_(std::move(link)) {}

  void Send(const internal::ToFront& message, int descriptor = -1) {
    ASSERT_EQ(base::SendPacket(link_.get(), message.SerializeAsString(), descriptor),
              base::SendResult::kSent);
  }

  void Hello(uint64_t epoch) {
    internal::ToFront message;
    message.mutable_hello()->set_epoch(epoch);
    Send(message);
    epoch_ = epoch;
  }

  // Hands a new connection over; the client's end stays here.
  base::UniqueFd Connect(uint64_t id) {
    SocketPair pair = MakeConnection();
    internal::ToFront message;
    message.mutable_take_connection()->set_connection_id(id);
    Send(message, pair.accepted.get());
    return std::move(pair.client);
  }

  // The next message of the front.
  internal::FromFront Receive() {
    internal::FromFront message;
    pollfd waiting{.fd = link_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, kPatienceMs) != 1) {
      ADD_FAILURE() << "the front says nothing";
      return message;
    }
    base::Packet packet;
    EXPECT_EQ(base::ReceivePacket(link_.get(), base::Descriptors::kRefuse, &packet),
              base::ReceiveResult::kPacket);
    EXPECT_TRUE(message.ParseFromString(packet.bytes));
    return message;
  }

  // The next call; ends of connections before it are left out.
  internal::Call ReceiveCall() {
    while (true) {
      internal::FromFront message = Receive();
      if (message.has_call() || testing::Test::HasFailure()) return message.call();
    }
  }

  // The next end of a connection.
  internal::ConnectionClosed ReceiveClosed() { return Receive().connection_closed(); }

  void Answer(const internal::Call& call, int code, const std::string& text,
              const std::string& detail, const std::string& response) {
    internal::ToFront message;
    internal::CallResult* result = message.mutable_result();
    result->set_call_id(call.call_id());
    result->set_epoch(epoch_);
    result->set_code(code);
    result->set_message(text);
    result->set_detail(detail);
    result->set_response(response);
    Send(message);
  }

  void Hangup() { link_.Reset(); }

 private:
  base::UniqueFd link_;
  uint64_t epoch_ = 0;
};

}  // namespace flatvm::front
