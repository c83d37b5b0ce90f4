#include "daemon/front/rpc_status.h"

#include "flatvm/internal/rpc_status.pb.h"

namespace flatvm::front {
namespace {

constexpr char kDetailType[] = "type.googleapis.com/flatvm.v1.ErrorDetail";

}  // namespace

grpc::Status ToGrpcStatus(const Outcome& outcome) {
  if (outcome.code == 0) return grpc::Status::OK;
  const bool known = outcome.code > 0 && outcome.code <= grpc::StatusCode::UNAUTHENTICATED;
  const int code = known ? outcome.code : int{grpc::StatusCode::INTERNAL};
  internal::RpcStatus status;
  status.set_code(code);
  status.set_message(outcome.message);
  if (!outcome.detail.empty()) {
    google::protobuf::Any* detail = status.add_details();
    detail->set_type_url(kDetailType);
    detail->set_value(outcome.detail);
  }
  return {static_cast<grpc::StatusCode>(code), outcome.message, status.SerializeAsString()};
}

}  // namespace flatvm::front
