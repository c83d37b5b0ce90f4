// The gRPC server behind the admin socket. It is handed connections; who may connect was decided
// before.
#pragma once

#include <memory>

#include "daemon/base/unique_fd.h"
#include "daemon/rpc/admin_service.h"
#include "grpcpp/server.h"

namespace flatvm::rpc {

// Thread-safe.
class AdminServer {
 public:
  // `service` outlives the server.
  explicit AdminServer(AdminService& service);
  // Cancels what is under way and waits for it.
  ~AdminServer();

  // Serves a connected stream socket from now on.
  void Serve(base::UniqueFd connection);

 private:
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace flatvm::rpc
