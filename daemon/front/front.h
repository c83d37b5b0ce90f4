// A tenant's front as a whole: one loop for the link and all connections, and the gRPC server
// behind it.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/steps.h"
#include "daemon/base/unique_fd.h"
#include "daemon/front/call_table.h"
#include "daemon/front/connection.h"
#include "daemon/front/forwarder.h"
#include "daemon/front/link.h"

namespace flatvm::front {

struct FrontOptions {
  std::string tenant;  // for log lines only: identity is the link's
  ConnectionLimits connection;
  size_t max_connections = 8;
  base::Steps steps{};  // nobody looks on
};

class Front {
 public:
  // `link` is a SOCK_SEQPACKET socket whose other end flatvmd has.
  Front(FrontOptions options, base::UniqueFd link, const base::Clock& clock, base::Logger& log);

  // Serves until flatvmd closes the link or Stop is called: OK. Errors: INTERNAL when the link is
  // broken or the host has no more descriptors. Once only; blocks.
  absl::Status Run();

  // Makes Run return. Thread-safe.
  void Stop();

 private:
  absl::Status Prepare();
  absl::Status HandleLink();
  absl::Status HandleMessage(internal::ToFront message, base::UniqueFd descriptor);
  void HandleConnection(int fd, uint32_t events);
  void TakeConnection(uint64_t id, base::UniqueFd client);
  void CloseConnection(Connection& connection, std::string_view why);
  void CloseAllConnections(std::string_view why);
  void CheckDeadlines();
  // Tells epoll what is to be waited for now.
  void Watch(const Connection& connection);
  void ReportClosed(uint64_t id, std::string_view why);
  void Wake();

  const FrontOptions options_;
  const base::Clock& clock_;
  base::Logger& log_;
  base::UniqueFd wake_;  // eventfd
  base::UniqueFd epoll_;
  Link link_;
  CallTable calls_;
  // Of the first connection on: a tenant that says nothing costs neither threads nor their memory.
  std::optional<Forwarder> forwarder_;
  std::atomic<bool> stop_ = false;

  // Run's thread only, as is the forwarder. Each connection is found by both of its descriptors.
  std::unordered_map<int, std::shared_ptr<Connection>> by_fd_;
  std::set<std::shared_ptr<Connection>> connections_;
};

}  // namespace flatvm::front
