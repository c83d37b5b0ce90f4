// How a call's outcome looks to a gRPC client.
#pragma once

#include "daemon/front/outcome.h"
#include "grpcpp/support/status.h"

namespace flatvm::front {

// Code and text, with a google.rpc.Status whose only detail is the flatvm.v1.ErrorDetail. A code
// that gRPC does not have becomes INTERNAL.
grpc::Status ToGrpcStatus(const Outcome& outcome);

}  // namespace flatvm::front
