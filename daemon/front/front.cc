#include "daemon/front/front.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "daemon/base/error.h"
#include "daemon/base/str_cat.h"

namespace flatvm::front {
namespace {

constexpr int kTickMs = 250;  // how late a deadline may be noticed; no ticks without connections
constexpr int kPacketsPerTurn = 32;  // before the connections have theirs

bool SetNonBlocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool Control(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event{.events = events, .data = {.fd = fd}};
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace

Front::Front(FrontOptions options, base::UniqueFd link, const base::Clock& clock, base::Logger& log)
    : options_(std::move(options)),
      clock_(clock),
      log_(log),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      link_(std::move(link), [this] { Wake(); }),
      calls_([this](const internal::FromFront& message) { return link_.Send(message); },
             options_.steps) {}

void Front::Wake() {
  const uint64_t one = 1;
  // A full counter means that a wake is due already.
  [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Front::Stop() {
  stop_ = true;
  Wake();
}

absl::Status Front::Prepare() {
  if (!wake_.valid() || !epoll_.valid()) return base::ErrnoError(errno, "eventfd or epoll");
  if (!Control(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), EPOLLIN) ||
      !Control(epoll_.get(), EPOLL_CTL_ADD, link_.fd(), EPOLLIN)) {
    return base::ErrnoError(errno, "epoll_ctl");
  }
  return absl::OkStatus();
}

absl::Status Front::Run() {
  FLATVM_RETURN_IF_ERROR(Prepare());
  std::array<epoll_event, 32> events;
  while (!stop_) {
    const int timeout = connections_.empty() ? -1 : kTickMs;
    const int count =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
    if (count < 0 && errno != EINTR) return base::ErrnoError(errno, "epoll_wait");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (event.data.fd == wake_.get()) {
        uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &ignored, sizeof ignored);
      } else if (event.data.fd != link_.fd()) {
        HandleConnection(event.data.fd, event.events);
      } else if ((event.events & ~uint32_t{EPOLLOUT}) != 0) {
        const absl::Status status = HandleLink();
        if (absl::IsCancelled(status)) return absl::OkStatus();
        FLATVM_RETURN_IF_ERROR(status);
      }
    }
    CheckDeadlines();
    link_.Flush();
    const uint32_t out = link_.WantsToWrite() ? uint32_t{EPOLLOUT} : 0U;
    Control(epoll_.get(), EPOLL_CTL_MOD, link_.fd(), EPOLLIN | out);
  }
  return absl::OkStatus();
}

// CANCELLED: flatvmd closed the link.
absl::Status Front::HandleLink() {
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    internal::ToFront message;
    base::UniqueFd descriptor;
    switch (link_.Receive(&message, &descriptor)) {
      case Link::Event::kNothing:
        return absl::OkStatus();
      case Link::Event::kClosed:
        return absl::CancelledError();
      case Link::Event::kBroken:
        return base::InternalError("a packet of flatvmd is malformed");
      case Link::Event::kMessage:
        FLATVM_RETURN_IF_ERROR(HandleMessage(std::move(message), std::move(descriptor)));
    }
  }
  return absl::OkStatus();
}

absl::Status Front::HandleMessage(internal::ToFront message, base::UniqueFd descriptor) {
  switch (message.kind_case()) {
    case internal::ToFront::kHello:
      calls_.OnHello(message.hello().epoch());
      return absl::OkStatus();
    case internal::ToFront::kTakeConnection:
      TakeConnection(message.take_connection().connection_id(), std::move(descriptor));
      return absl::OkStatus();
    case internal::ToFront::kCloseConnections:
      CloseAllConnections("flatvmd dropped it");
      return absl::OkStatus();
    case internal::ToFront::kResult:
      if (calls_.OnResult(std::move(*message.mutable_result()))) return absl::OkStatus();
      return base::InternalError("flatvmd answered a call that does not wait, or with over 4 MiB");
    case internal::ToFront::KIND_NOT_SET:
      break;  // of a newer flatvmd
  }
  return absl::OkStatus();
}

void Front::TakeConnection(uint64_t id, base::UniqueFd client) {
  if (connections_.size() >= options_.max_connections) {
    return ReportClosed(id, "limit: too many connections of this tenant");
  }
  int ends[2] = {-1, -1};
  if (!SetNonBlocking(client.get()) ||
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return ReportClosed(id, "no descriptors left");
  }
  auto connection = std::make_shared<Connection>(id, std::move(client), base::UniqueFd(ends[0]),
                                                 options_.connection, clock_.Steady());
  base::UniqueFd grpc_end(ends[1]);
  if (!Control(epoll_.get(), EPOLL_CTL_ADD, connection->client(), connection->ClientEvents()) ||
      !Control(epoll_.get(), EPOLL_CTL_ADD, connection->server(), connection->ServerEvents())) {
    return ReportClosed(id, "not a socket");
  }
  by_fd_[connection->client()] = connection;
  by_fd_[connection->server()] = connection;
  connections_.insert(connection);
  if (!forwarder_) forwarder_.emplace(calls_);
  forwarder_->Serve(std::move(grpc_end));
}

void Front::HandleConnection(int fd, uint32_t events) {
  const auto found = by_fd_.find(fd);
  if (found == by_fd_.end()) return;  // closed earlier in this turn
  const std::shared_ptr<Connection> connection = found->second;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Reported whether asked for or not, so it must not be left waiting.
    if (fd == connection->client()) return CloseConnection(*connection, "peer closed");
    connection->OnServerHangup();
    Control(epoll_.get(), EPOLL_CTL_DEL, fd, 0);
    by_fd_.erase(fd);
  }
  const std::string_view why = connection->Pump(clock_.Steady());
  if (!why.empty()) return CloseConnection(*connection, why);
  Watch(*connection);
}

void Front::Watch(const Connection& connection) {
  Control(epoll_.get(), EPOLL_CTL_MOD, connection.client(), connection.ClientEvents());
  if (by_fd_.contains(connection.server())) {
    Control(epoll_.get(), EPOLL_CTL_MOD, connection.server(), connection.ServerEvents());
  }
}

void Front::CheckDeadlines() {
  const auto now = clock_.Steady();
  std::vector<std::pair<std::shared_ptr<Connection>, std::string_view>> late;
  for (const std::shared_ptr<Connection>& connection : connections_) {
    const std::string_view why = connection->CheckTime(now);
    if (!why.empty()) late.emplace_back(connection, why);
  }
  for (const auto& [connection, why] : late) CloseConnection(*connection, why);
}

void Front::CloseAllConnections(std::string_view why) {
  while (!connections_.empty()) CloseConnection(**connections_.begin(), why);
}

void Front::CloseConnection(Connection& connection, std::string_view why) {
  const auto found = by_fd_.find(connection.client());
  if (found == by_fd_.end()) return;
  const std::shared_ptr<Connection> last =
      found->second;  // its descriptors are numbers in use till the end
  for (const int fd : {last->client(), last->server()}) {
    Control(epoll_.get(), EPOLL_CTL_DEL, fd, 0);
    by_fd_.erase(fd);
  }
  connections_.erase(last);
  ReportClosed(last->id(), why);
}

void Front::ReportClosed(uint64_t id, std::string_view why) {
  internal::FromFront message;
  internal::ConnectionClosed* closed = message.mutable_connection_closed();
  closed->set_connection_id(id);
  closed->set_why(std::string(why));
  if (!link_.Send(message)) {
    log_.Log(base::LogLevel::kInfo,
             base::StrCat("connection ", id, " closed (", why, "), not reported: link full"),
             {.tenant = options_.tenant});
  }
}

}  // namespace flatvm::front
