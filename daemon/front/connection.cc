#include "daemon/front/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

namespace flatvm::front {
namespace {

// Of one read. The client's next read waits until gRPC took what this one gave.
constexpr size_t kReadBytes = size_t{16} * 1024;

enum class Got { kBytes, kNothing, kEnd, kError };

Got Receive(int socket, std::array<char, kReadBytes>* buffer, std::string_view* bytes) {
  ssize_t size = -1;
  do {
    size = ::recv(socket, buffer->data(), buffer->size(), MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? Got::kNothing : Got::kError;
  if (size == 0) return Got::kEnd;
  *bytes = std::string_view(buffer->data(), static_cast<size_t>(size));
  return Got::kBytes;
}

// Sends a prefix of `bytes` and takes it off. False: the socket is broken.
bool Send(int socket, std::string* bytes) {
  ssize_t size = -1;
  do {
    size = ::send(socket, bytes->data(), bytes->size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN;
  bytes->erase(0, static_cast<size_t>(size));
  return true;
}

}  // namespace

Connection::Connection(uint64_t id, base::UniqueFd client, base::UniqueFd server,
                       const ConnectionLimits& limits, Time now)
    : id_(id),
      limits_(limits),
      client_(std::move(client)),
      server_(std::move(server)),
      guard_(limits.guard, now),
      client_progress_(now) {}

uint32_t Connection::ClientEvents() const {
  const uint32_t in = to_server_.empty() && !server_ended_ ? uint32_t{EPOLLIN} : 0U;
  return in | (to_client_.empty() ? 0U : uint32_t{EPOLLOUT});
}

uint32_t Connection::ServerEvents() const {
  const bool room = to_client_.size() < limits_.max_unsent_bytes && !server_ended_;
  return (room ? uint32_t{EPOLLIN} : 0U) | (to_server_.empty() ? 0U : uint32_t{EPOLLOUT});
}

std::string_view Connection::Pump(Time now) {
  ReadServer(now);
  std::string_view why = WriteClient(now);
  if (why.empty()) why = ReadClient(now);
  if (why.empty()) why = WriteServer();
  return why;
}

std::string_view Connection::ReadClient(Time now) {
  if (!to_server_.empty() || server_ended_) return {};
  std::array<char, kReadBytes> buffer;
  std::string_view bytes;
  switch (Receive(client_.get(), &buffer, &bytes)) {
    case Got::kNothing:
      return {};
    case Got::kEnd:
      return "peer closed";
    case Got::kError:
      return "peer reset";
    case Got::kBytes:
      return guard_.FromClient(bytes, now, &to_server_);
  }
  return {};
}

void Connection::ReadServer(Time now) {
  std::array<char, kReadBytes> buffer;
  std::string_view bytes;
  while (!server_ended_ && to_client_.size() < limits_.max_unsent_bytes) {
    const Got got = Receive(server_.get(), &buffer, &bytes);
    if (got == Got::kNothing) return;
    server_ended_ = got != Got::kBytes;  // what it said before still goes out
    if (server_ended_) return;
    if (to_client_.empty()) client_progress_ = now;
    guard_.FromServer(bytes, now);
    to_client_.append(bytes);
    // Others want their turn, but nothing will wake us for the rest of one that hung up.
    if (!server_hung_up_) return;
  }
}

std::string_view Connection::WriteServer() {
  if (to_server_.empty() || server_ended_) return {};
  // gRPC closed its end: ReadServer sees the same and lets its last words out.
  if (!Send(server_.get(), &to_server_)) to_server_.clear();
  return {};
}

std::string_view Connection::WriteClient(Time now) {
  if (!to_client_.empty()) {
    const size_t before = to_client_.size();
    if (!Send(client_.get(), &to_client_)) return "peer reset";
    if (to_client_.size() < before) client_progress_ = now;
  }
  return server_ended_ && to_client_.empty() ? "server closed" : "";
}

std::string_view Connection::CheckTime(Time now) const {
  if (!to_client_.empty() && now - client_progress_ >= limits_.write_stall_timeout) {
    return "guard: client does not read";
  }
  return guard_.CheckTime(now);
}

}  // namespace flatvm::front
