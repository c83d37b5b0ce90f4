// The gRPC server: takes every call as bytes and sends it on to flatvmd. No code here knows a
// method's messages.
#pragma once

#include <memory>
#include <mutex>
#include <thread>

#include "daemon/base/unique_fd.h"
#include "daemon/front/call_table.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/server.h"

namespace flatvm::front {

class OpenCall;

// gRPC's own log lines are a guest's to cause, as many as it likes: none of them is written.
// Process-wide.
void SilenceGrpc();

// Thread-safe. One thread of its own, beside gRPC's.
class Forwarder {
 public:
  // `calls` outlives the forwarder.
  explicit Forwarder(CallTable& calls);
  // Closes `calls`, drops the connections.
  ~Forwarder();

  // Serves a connected, non-blocking stream socket.
  void Serve(base::UniqueFd connection);

 private:
  friend class OpenCall;

  // gRPC's own log lines are a guest's to cause, as many as it likes: none of them is written.
  // Process-wide.
  void SilenceGrpc();

  void Run();
  void AwaitCall();

  CallTable& calls_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;  // guards stopping_; held while an operation is begun, as none may be after
                      // the queue's shutdown
  bool stopping_ = false;
  std::thread thread_;  // last: starts when the rest is there
};

}  // namespace flatvm::front
