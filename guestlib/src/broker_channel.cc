#include "guestlib/src/broker_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "grpcpp/create_channel_posix.h"
#include "grpcpp/support/channel_arguments.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The host closes a connection that was idle for 30 s. A call must not run into that.
constexpr milliseconds kReuseFor{20'000};

// The host waits 10 s for our first bytes, so we must not wait for its own that long.
constexpr milliseconds kGreetingTimeout{1'000};

enum class Greeting { kSpoke, kSilent, kHungUp };

// An HTTP/2 server's first bytes, its SETTINGS, come unasked (RFC 9113 section 3.4): they tell a
// broker that takes this VM's connection from one that closes it, before anything is sent.
Greeting AwaitGreeting(int fd, milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (ready > 0) break;
    if (ready == 0 || errno != EINTR) return Greeting::kSilent;
  }
  char byte = 0;
  const ssize_t size = ::recv(fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT);
  if (size > 0) return Greeting::kSpoke;
  // vsock of old kernels cannot peek; gRPC will find out.
  const bool unknown = size < 0 && (errno == EOPNOTSUPP || errno == EAGAIN);
  return unknown ? Greeting::kSilent : Greeting::kHungUp;
}

ConnectFailure Refused() {
  return {
      .error = {.code = Code::kPermissionDenied,
                .reason = Reason::kPolicyForbids,
                .message = "the host's broker refused this connection: this VM is not a tenant's "
                           "running primary or has too many connections open, or the caller "
                           "is not root"},
      .outlook = Outlook::kMayPass};
}

milliseconds Left(SteadyTime deadline, SteadyTime now) {
  return std::max(std::chrono::ceil<milliseconds>(deadline - now), milliseconds(1));
}

}  // namespace

std::variant<Lease, ConnectFailure> BrokerChannel::Get(SteadyTime deadline) {
  if (auto current = Current()) return Lease{std::move(current), Origin::kReused};
  const std::unique_lock connecting(connecting_, Left(deadline, surroundings_.now()));
  if (!connecting.owns_lock()) {
    return ConnectFailure{.error = {.code = Code::kUnavailable,
                                    .reason = Reason::kBrokerUnreachable,
                                    .message = "no connection to the host's broker in time"}};
  }
  if (auto current = Current()) return Lease{std::move(current), Origin::kReused};
  return Connect(deadline);
}

std::variant<Lease, ConnectFailure> BrokerChannel::Connect(SteadyTime deadline) {
  const milliseconds connect_timeout =
      std::clamp(connect_timeout_, milliseconds(1), Left(deadline, surroundings_.now()));
  ConnectResult connected = surroundings_.connect(connect_timeout);
  if (auto* failure = std::get_if<ConnectFailure>(&connected)) return std::move(*failure);
  auto* fd = std::get_if<UniqueFd>(&connected);

  const milliseconds patience = std::min(kGreetingTimeout, Left(deadline, surroundings_.now()));
  const Greeting greeting = AwaitGreeting(fd->get(), patience);
  if (greeting == Greeting::kHungUp) return Refused();

  grpc::ChannelArguments arguments;
  // Its probes are pings, which the host's frame guard rations; our messages are small.
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  // The channel takes the descriptor over.
  const std::shared_ptr<grpc::Channel> channel =
      grpc::CreateCustomInsecureChannelFromFd("flatvm", fd->Release(), arguments);
  auto connection =
      std::make_shared<const Connection>(Connection{.vms = v1::SecondaryVms::NewStub(channel),
                                                    .volumes = v1::Volumes::NewStub(channel),
                                                    .images = v1::Images::NewStub(channel),
                                                    .greeted = greeting == Greeting::kSpoke});
  const std::lock_guard lock(mutex_);
  current_ = connection;
  last_used_ = surroundings_.now();
  return Lease{std::move(connection), Origin::kFresh};
}

std::shared_ptr<const Connection> BrokerChannel::Current() {
  std::shared_ptr<const Connection> stale;  // goes after the lock: closing may block
  const std::lock_guard lock(mutex_);
  const bool busy = current_.use_count() > 1;  // a call waits on it, so it is not idle
  if (!busy && surroundings_.now() - last_used_ >= kReuseFor) stale = std::exchange(current_, {});
  return current_;
}

void BrokerChannel::Keep(const Lease& lease) {
  const std::lock_guard lock(mutex_);
  if (current_ == lease.connection) last_used_ = surroundings_.now();
}

void BrokerChannel::Drop(const Lease& lease) {
  const std::lock_guard lock(mutex_);
  if (current_ == lease.connection) current_.reset();  // `lease` holds it still
}

}  // namespace flatvm::guestlib
