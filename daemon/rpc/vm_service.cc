#include "daemon/rpc/vm_service.h"

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"

namespace flatvm::rpc {
namespace {

Answer Failure(const absl::Status& status, const std::string& request_id) {
  return Answer{.code = static_cast<int>(status.code()),
                .message = base::PublicMessage(status),
                .detail = DetailOf(status, request_id).SerializeAsString()};
}

// What a request says of itself, for the journal; most say nothing.
template <typename Request>
std::string RequestIdOf(const Request& request) {
  if constexpr (requires { request.request_id(); }) {
    return request.request_id();
  } else {
    return "";
  }
}

template <typename Request>
std::string VmOf(const Request& request) {
  if constexpr (requires { request.vm(); }) {
    return request.vm();
  } else if constexpr (requires { request.spec(); }) {
    return request.spec().name();
  } else {
    return "";
  }
}

broker::Mode ModeOf(bool validate_only) {
  return validate_only ? broker::Mode::kValidateOnly : broker::Mode::kExecute;
}

}  // namespace

template <typename Request, typename Response>
Answer VmService::Serve(const std::string& tenant, const std::string& method,
                        const std::string& bytes,
                        absl::StatusOr<Response> (VmService::*handler)(const std::string&,
                                                                       const Request&)) {
  Request request;
  const bool parsed = request.ParseFromString(bytes);
  Operation operation(log_, clock_, method, tenant, RequestIdOf(request));
  operation.SetVm(VmOf(request));
  absl::Status status =
      parsed ? callers_.ConfirmTenant(tenant)
             : base::MakeError(absl::StatusCode::kInvalidArgument, base::Reason::kMessageMalformed,
                               "the request is not a message of this method");
  Answer answer;
  if (status.ok()) {
    const absl::StatusOr<Response> response = (this->*handler)(tenant, request);
    status = response.status();
    if (response.ok()) answer.response = response->SerializeAsString();
  }
  operation.Finish(status);
  if (!status.ok()) return Failure(status, operation.request_id());
  return answer;
}

Answer VmService::Handle(const std::string& tenant, const std::string& method,
                         const std::string& request) {
  if (method == "CreateVm") return Serve(tenant, method, request, &VmService::CreateVm);
  if (method == "DestroyVm") return Serve(tenant, method, request, &VmService::DestroyVm);
  if (method == "ShowVm") return Serve(tenant, method, request, &VmService::ShowVm);
  if (method == "ListVms") return Serve(tenant, method, request, &VmService::ListVms);
  if (method == "GetTenant") return Serve(tenant, method, request, &VmService::GetTenant);
  Operation operation(log_, clock_, base::EscapeForLog(method, 40), tenant, "");
  const absl::Status status =
      base::MakeError(absl::StatusCode::kUnimplemented, base::Reason::kMethodUnimplemented,
                      "this version of the broker does not implement this method");
  operation.Finish(status);
  return Failure(status, operation.request_id());
}

absl::StatusOr<v1::CreateVmResponse> VmService::CreateVm(const std::string& tenant,
                                                         const v1::CreateVmRequest& request) {
  FLATVM_ASSIGN_OR_RETURN(const broker::VmRecord vm,
                          vms_.Create({.tenant = tenant,
                                       .request_id = request.request_id(),
                                       .mode = ModeOf(request.validate_only()),
                                       .spec = SpecOf(request.spec())}));
  v1::CreateVmResponse response;
  FillVm(vm, response.mutable_vm());
  return response;
}

absl::StatusOr<v1::DestroyVmResponse> VmService::DestroyVm(const std::string& tenant,
                                                           const v1::DestroyVmRequest& request) {
  FLATVM_ASSIGN_OR_RETURN(const broker::VmRecord vm,
                          vms_.Destroy({.tenant = tenant,
                                        .request_id = request.request_id(),
                                        .mode = ModeOf(request.validate_only()),
                                        .vm = request.vm()}));
  v1::DestroyVmResponse response;
  FillVm(vm, response.mutable_vm());
  return response;
}

absl::StatusOr<v1::ShowVmResponse> VmService::ShowVm(const std::string& tenant,
                                                     const v1::ShowVmRequest& request) {
  FLATVM_ASSIGN_OR_RETURN(const broker::VmRecord vm, directory_.GetVm(tenant, request.vm()));
  v1::ShowVmResponse response;
  FillVm(vm, response.mutable_vm());
  return response;
}

absl::StatusOr<v1::ListVmsResponse> VmService::ListVms(const std::string& tenant,
                                                       const v1::ListVmsRequest& /*request*/) {
  FLATVM_ASSIGN_OR_RETURN(const std::vector<broker::VmRecord> vms, directory_.ListVms(tenant));
  v1::ListVmsResponse response;
  for (const broker::VmRecord& vm : vms) FillVm(vm, response.add_vms());
  return response;
}

absl::StatusOr<v1::GetTenantResponse> VmService::GetTenant(
    const std::string& tenant, const v1::GetTenantRequest& /*request*/) {
  FLATVM_ASSIGN_OR_RETURN(const broker::TenantView view, directory_.GetTenant(tenant));
  v1::GetTenantResponse response;
  FillTenant(view, Audience::kPrimary, response.mutable_tenant());
  return response;
}

}  // namespace flatvm::rpc
