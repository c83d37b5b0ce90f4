// One gRPC call from its arrival to its end; the tag of its own operations. A stream of messages is
// sent on as one call for each, the next one when the last was answered: flatvmd knows no streams.
#pragma once

#include <optional>
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
  // flatvmd answered a message.
  void OnOutcome(Outcome outcome);
  void ReadNext();
  void Answer(const Outcome& outcome);

  Forwarder& owner_;
  Step step_ = Step::kArrive;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  grpc::ByteBuffer request_;
  std::string method_;           // as "CreateVm"
  bool streams_ = false;         // the client may send several messages
  std::optional<Outcome> last_;  // of a stream's last message that was answered
};

}  // namespace flatvm::front
