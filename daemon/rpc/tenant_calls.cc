#include "daemon/rpc/tenant_calls.h"

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"

namespace flatvm::rpc {
namespace {

Answer Failure(const absl::Status& status, const std::string& request_id) {
  return Answer{.code = static_cast<int>(status.code()),
                .message = base::PublicMessage(status),
                .detail = DetailOf(status, request_id).SerializeAsString()};
}

// What a request says of itself, for the journal; most say only a part of it.
std::string TextOf(const google::protobuf::Message& message, const char* field) {
  const auto* found = message.GetDescriptor()->FindFieldByName(field);
  if (found == nullptr || found->is_repeated() ||
      found->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) {
    return "";
  }
  return message.GetReflection()->GetString(message, found);
}

// The name in a CreateVm's spec.
std::string SpecNameOf(const google::protobuf::Message& request) {
  const auto* spec = request.GetDescriptor()->FindFieldByName("spec");
  if (spec == nullptr || spec->message_type() == nullptr) return "";
  return TextOf(request.GetReflection()->GetMessage(request, spec), "name");
}

}  // namespace

Answer TenantCalls::Serve(const std::string& tenant, const Method& method, bool parsed,
                          const google::protobuf::Message& request,
                          google::protobuf::Message* response,
                          const std::function<absl::Status()>& call) {
  Operation operation(log_, clock_, method.name, tenant, TextOf(request, "request_id"));
  operation.SetVm(TextOf(request, "vm") + SpecNameOf(request));
  operation.SetVolume(TextOf(request, "volume") + TextOf(request, "name"));
  operation.SetImage(TextOf(request, "image") + TextOf(request, "image_id"));
  absl::Status status =
      parsed ? callers_.ConfirmTenant(tenant)
             : base::MakeError(absl::StatusCode::kInvalidArgument, base::Reason::kMessageMalformed,
                               "the request is not a message of this method");
  if (status.ok()) status = call();
  if (!status.ok() || method.log == LogOf::kAll) operation.Finish(status);
  if (!status.ok()) return Failure(status, operation.request_id());
  return Answer{.response = response->SerializeAsString()};
}

Answer TenantCalls::Handle(const std::string& tenant, const std::string& method,
                           const std::string& request) {
  if (const auto found = methods_.find(method); found != methods_.end()) {
    return found->second(tenant, request);
  }
  Operation operation(log_, clock_, base::EscapeForLog(method, 40), tenant, "");
  const absl::Status status =
      base::MakeError(absl::StatusCode::kUnimplemented, base::Reason::kMethodUnimplemented,
                      "this version of the broker does not implement this method");
  operation.Finish(status);
  return Failure(status, operation.request_id());
}

}  // namespace flatvm::rpc
