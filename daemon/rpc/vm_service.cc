#include "daemon/rpc/vm_service.h"

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"

namespace flatvm::rpc {

void VmService::AddTo(TenantCalls& calls) {
  calls.Add("CreateVm", this, &VmService::CreateVm);
  calls.Add("DestroyVm", this, &VmService::DestroyVm);
  calls.Add("ShowVm", this, &VmService::ShowVm);
  calls.Add("ListVms", this, &VmService::ListVms);
  calls.Add("GetTenant", this, &VmService::GetTenant);
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
                                        .vm = request.vm(),
                                        .fate = FateOf(request.return_disk())}));
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
