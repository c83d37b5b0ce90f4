#include "tests/integration/flood.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>

#include "network/ipv4.h"

namespace flatvm::integration {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint16_t kPort = 8082;

base::UniqueFd SocketIn(const NetNamespace& machine, int kind) {
  base::UniqueFd fd;
  machine.Run([&] { fd.Reset(::socket(AF_INET, kind | SOCK_CLOEXEC, 0)); });
  return fd;
}

sockaddr_in At(const std::string& address) {
  sockaddr_in socket_address{};
  socket_address.sin_family = AF_INET;
  socket_address.sin_port = htons(kPort);
  socket_address.sin_addr.s_addr = htonl(network::ParseIpv4Address("test", address)->value);
  return socket_address;
}

const sockaddr* Pointer(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

}  // namespace

int Flood(const NetNamespace& sender, const NetNamespace& receiver, const std::string& to,
          double* seconds) {
  const base::UniqueFd in = SocketIn(receiver, SOCK_DGRAM);
  const base::UniqueFd out = SocketIn(sender, SOCK_DGRAM);
  const int buffer = 8 << 20;
  EXPECT_EQ(::setsockopt(in.get(), SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)), 0);
  const sockaddr_in any = At("0.0.0.0");
  const sockaddr_in target = At(to);
  EXPECT_EQ(::bind(in.get(), Pointer(any), sizeof(any)), 0);
  std::string datagram(kFloodPayload, 'x');
  const Clock::time_point begin = Clock::now();
  for (int i = 0; i < kFlood; ++i) {
    EXPECT_EQ(
        ::sendto(out.get(), datagram.data(), datagram.size(), 0, Pointer(target), sizeof(target)),
        static_cast<ssize_t>(kFloodPayload));
  }
  if (seconds != nullptr) *seconds = SecondsSince(begin);
  // On a veth what is sent has arrived, or not, within milliseconds.
  const timeval patience{.tv_sec = 0, .tv_usec = 300'000};
  EXPECT_EQ(::setsockopt(in.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
  int arrived = 0;
  while (::recv(in.get(), datagram.data(), datagram.size(), 0) > 0) ++arrived;
  return arrived;
}

double Transfer(const NetNamespace& sender, const NetNamespace& receiver, const std::string& to,
                uint64_t bytes) {
  const base::UniqueFd listener = SocketIn(receiver, SOCK_STREAM);
  const base::UniqueFd out = SocketIn(sender, SOCK_STREAM);
  constexpr char kCommon[] = "cubic";
  ::setsockopt(out.get(), IPPROTO_TCP, TCP_CONGESTION, kCommon, sizeof(kCommon) - 1);
  const sockaddr_in any = At("0.0.0.0");
  const sockaddr_in target = At(to);
  EXPECT_EQ(::bind(listener.get(), Pointer(any), sizeof(any)), 0);
  EXPECT_EQ(::listen(listener.get(), 1), 0);
  EXPECT_EQ(::connect(out.get(), Pointer(target), sizeof(target)), 0);
  const base::UniqueFd in(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const Clock::time_point begin = Clock::now();
  std::thread writer([&] {
    const std::string data(size_t{64} << 10U, 'x');
    for (uint64_t sent = 0; sent < bytes;) {
      const ssize_t more = ::send(out.get(), data.data(), data.size(), MSG_NOSIGNAL);
      if (more <= 0) return;
      sent += static_cast<uint64_t>(more);
    }
    ::shutdown(out.get(), SHUT_WR);
  });
  std::string data(size_t{256} << 10U, '\0');
  uint64_t arrived = 0;
  while (true) {
    const ssize_t more = ::recv(in.get(), data.data(), data.size(), 0);
    if (more <= 0) break;
    arrived += static_cast<uint64_t>(more);
  }
  writer.join();
  EXPECT_GE(arrived, bytes);
  return SecondsSince(begin);
}

}  // namespace flatvm::integration
