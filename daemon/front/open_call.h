// One gRPC call from its arrival to its end; the tag of its own operations.
#pragma once

#include <string>

#include "daemon/front/forwarder.h"
#include "daemon/front/outcome.h"
#include "grpcpp/generic/async_generic_service.h"

namespace flatvm::front {

// Owns itself: at each moment either gRPC's queue or the call table holds it, and it goes when it
// has ended.
class OpenCall {
 public:
  explicit OpenCall(Forwarder& owner) : owner_(owner), stream_(&context_) {}
  OpenCall(const OpenCall&) = delete;
  OpenCall& operator=(const OpenCall&) = delete;

  // Waits for the next call to arrive. The owner's mutex is held.
  void Await();

  // Its operation ended, well or not. On the queue's thread.
  void Proceed(bool ok);

 private:
  enum class Step { kArrive, kRead, kFinish };

  void OnArrival();
  void OnRequest(bool ok);
  void Answer(const Outcome& outcome);

  Forwarder& owner_;
  Step step_ = Step::kArrive;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer request_;
  std::string method_;  // as "CreateVm"
};

}  // namespace flatvm::front
