#include "tests/unit/guestlib/broker_host.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>

#include "flatvm/internal/rpc_status.pb.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace flatvm::guestlib {
namespace {

using std::chrono::milliseconds;

struct SocketPair {
  UniqueFd client;
  UniqueFd server;
};

SocketPair MakeSocketPair() {
  std::array<int, 2> fds{-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds.data()), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

template <typename Handler, typename Request, typename Response>
grpc::Status Answer(const Handler& handler, const Request* request, Response* response) {
  return handler ? handler(*request, response) : grpc::Status::OK;
}

}  // namespace

grpc::Status FakeService::CreateVm(grpc::ServerContext* /*context*/,
                                   const v1::CreateVmRequest* request,
                                   v1::CreateVmResponse* response) {
  return Answer(create, request, response);
}

grpc::Status FakeService::DestroyVm(grpc::ServerContext* /*context*/,
                                    const v1::DestroyVmRequest* request,
                                    v1::DestroyVmResponse* response) {
  return Answer(destroy, request, response);
}

grpc::Status FakeService::ShowVm(grpc::ServerContext* /*context*/, const v1::ShowVmRequest* request,
                                 v1::ShowVmResponse* response) {
  return Answer(show, request, response);
}

grpc::Status FakeService::ListVms(grpc::ServerContext* /*context*/,
                                  const v1::ListVmsRequest* request,
                                  v1::ListVmsResponse* response) {
  return Answer(list, request, response);
}

grpc::Status FakeService::GetTenant(grpc::ServerContext* /*context*/,
                                    const v1::GetTenantRequest* request,
                                    v1::GetTenantResponse* response) {
  return Answer(get_tenant, request, response);
}

grpc::Status Failed(grpc::StatusCode code, const v1::ErrorDetail& detail,
                    const std::string& message) {
  internal::RpcStatus status;
  status.set_code(code);
  status.set_message(message);
  status.add_details()->PackFrom(detail);
  return {code, message, status.SerializeAsString()};
}

BrokerHost::BrokerHost() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  server_ = builder.BuildAndStart();
}

BrokerHost::~BrokerHost() {
  Cut();
  server_->Shutdown(std::chrono::system_clock::now());
}

UniqueFd BrokerHost::Connect() {
  SocketPair pair = MakeSocketPair();
  {
    const std::lock_guard lock(mutex_);
    ends_.emplace_back(::fcntl(pair.server.get(), F_DUPFD_CLOEXEC, 0));
  }
  grpc::AddInsecureChannelFromFd(server_.get(), pair.server.Release());
  return std::move(pair.client);
}

UniqueFd BrokerHost::Refuse() { return MakeSocketPair().client; }

void BrokerHost::Cut() {
  const std::lock_guard lock(mutex_);
  for (const UniqueFd& end : ends_) ::shutdown(end.get(), SHUT_RDWR);
  ends_.clear();
}

size_t BrokerHost::connections() const {
  const std::lock_guard lock(mutex_);
  return ends_.size();
}

Surroundings FakeWorld::Make(std::function<ConnectResult(int attempt)> connect) {
  return {.connect =
              [this, connect = std::move(connect)](milliseconds timeout) {
                int attempt = 0;
                {
                  const std::lock_guard lock(mutex_);
                  attempt = static_cast<int>(connect_timeouts_.size());
                  connect_timeouts_.push_back(timeout);
                }
                return connect(attempt);
              },
          .now = [this] { return SteadyTime(std::chrono::hours(1)) + elapsed(); },
          .sleep =
              [this](milliseconds pause) {
                const std::lock_guard lock(mutex_);
                pauses_.push_back(pause);
                elapsed_ += pause;
              },
          .random = [this] { return random; }};
}

void FakeWorld::Advance(milliseconds time) {
  const std::lock_guard lock(mutex_);
  elapsed_ += time;
}

std::vector<milliseconds> FakeWorld::pauses() const {
  const std::lock_guard lock(mutex_);
  return pauses_;
}

std::vector<milliseconds> FakeWorld::connect_timeouts() const {
  const std::lock_guard lock(mutex_);
  return connect_timeouts_;
}

milliseconds FakeWorld::elapsed() const {
  const std::lock_guard lock(mutex_);
  return elapsed_;
}

}  // namespace flatvm::guestlib
