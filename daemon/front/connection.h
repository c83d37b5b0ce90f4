// One client's connection: bytes between its socket and gRPC's, past the frame guard, in bounded
// buffers.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/base/unique_fd.h"
#include "daemon/front/frame_guard.h"

namespace flatvm::front {

struct ConnectionLimits {
  GuardLimits guard;
  std::chrono::milliseconds write_stall_timeout{5'000};
  size_t max_unsent_bytes = size_t{256} * 1024;  // towards the client; gRPC's end waits beyond it
};

// Thread-compatible; never blocks. Both sockets are non-blocking.
class Connection {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `client` is the caller's socket, `server` our end of the socketpair whose other end gRPC has.
  Connection(uint64_t id, base::UniqueFd client, base::UniqueFd server,
             const ConnectionLimits& limits, Time now);

  uint64_t id() const { return id_; }
  int client() const { return client_.get(); }
  int server() const { return server_.get(); }

  // What epoll is to wait for.
  uint32_t ClientEvents() const;
  uint32_t ServerEvents() const;

  // gRPC closed its end, so epoll would report it for ever: wait for it no longer. What it had said
  // is still to be moved.
  void OnServerHangup() { server_hung_up_ = true; }

  // Moves what can be moved. Answers why the connection must go; empty: it stays.
  std::string_view Pump(Time now);

  // The deadlines: preface, idle, write stall.
  std::string_view CheckTime(Time now) const;

 private:
  std::string_view ReadClient(Time now);
  void ReadServer(Time now);
  std::string_view WriteServer();
  std::string_view WriteClient(Time now);

  const uint64_t id_;
  const ConnectionLimits limits_;
  base::UniqueFd client_;
  base::UniqueFd server_;
  FrameGuard guard_;
  std::string to_server_;  // whole frames; at most what one read completed
  std::string to_client_;
  Time client_progress_;  // when to_client_ was last empty or last shrank
  bool server_hung_up_ = false;
  bool server_ended_ = false;  // and nothing of it is left to read
};

}  // namespace flatvm::front
