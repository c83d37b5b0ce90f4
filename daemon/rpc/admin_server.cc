#include "daemon/rpc/admin_server.h"

#include <fcntl.h>

#include <utility>

#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace flatvm::rpc {
namespace {

constexpr int kMaxRequestBytes = 64 * 1024;
constexpr int kIdleMs =
    30'000;  // AddInsecureChannelFromFd has no handshake deadline: a silent client goes this way

}  // namespace

AdminServer::AdminServer(AdminService& service) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  // The operator's calls are few; one poller keeps the daemon small.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  server_ = builder.BuildAndStart();
}

AdminServer::~AdminServer() { server_->Shutdown(std::chrono::system_clock::now()); }

void AdminServer::Serve(base::UniqueFd connection) {
  // gRPC requires it; accept4 did it already for connections of ours.
  ::fcntl(connection.get(), F_SETFL, ::fcntl(connection.get(), F_GETFL) | O_NONBLOCK);
  grpc::AddInsecureChannelFromFd(server_.get(), connection.Release());
}

}  // namespace flatvm::rpc
