#include "daemon/rpc/admin_service.h"

#include <utility>

#include "daemon/base/error.h"
#include "daemon/rpc/convert.h"
#include "daemon/rpc/convert_image.h"
#include "flatvm/internal/rpc_status.pb.h"

namespace flatvm::rpc {
namespace {

// The operator may see INTERNAL texts: they are about the operator's own host.
grpc::Status Finish(Operation& operation, const absl::Status& status) {
  operation.Finish(status);
  if (status.ok()) return grpc::Status::OK;
  internal::RpcStatus details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));
  details.add_details()->PackFrom(DetailOf(status, operation.request_id()));
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
                      details.SerializeAsString());
}

broker::PrimaryRestart RestartOf(bool restart_primary) {
  return restart_primary ? broker::PrimaryRestart::kRestart : broker::PrimaryRestart::kLeaveRunning;
}

broker::CeilingsChange ChangeOf(const v1::NetworkLimitsChange& net) {
  broker::CeilingsChange change;
  if (net.has_out_bytes()) change.out = net.out_bytes();
  if (net.has_in_bytes()) change.in = net.in_bytes();
  if (net.has_vm_out_bytes()) change.vm_out = net.vm_out_bytes();
  if (net.has_vm_in_bytes()) change.vm_in = net.vm_in_bytes();
  return change;
}

absl::StatusOr<broker::UpdateTenantOrder> OrderOf(const v1::UpdateTenantRequest& request) {
  broker::UpdateTenantOrder order{
      .name = request.name(),
      .request_id = request.request_id(),
      .mode = ModeOf(request.validate_only()),
      .overuse = request.force() ? broker::Overuse::kForce : broker::Overuse::kRefuse};
  const v1::ResourcesChange& limits = request.limits();
  if (limits.has_memory_mib()) order.memory_mib = limits.memory_mib();
  if (limits.has_vcpus()) order.vcpus = limits.vcpus();
  if (limits.has_vms()) order.vms = limits.vms();
  if (limits.has_disk_mib()) order.disk_mib = limits.disk_mib();
  if (request.has_io()) order.io = IoOf(request.io());
  if (request.has_carve()) {
    FLATVM_ASSIGN_OR_RETURN(order.carve, CarveOf(request.carve()));
  }
  if (request.network_mode() != v1::NETWORK_MODE_UNSPECIFIED) {
    FLATVM_ASSIGN_OR_RETURN(order.network_mode, NetworkModeOf(request.network_mode()));
  }
  if (request.has_forwards()) {
    FLATVM_ASSIGN_OR_RETURN(order.forwards, ForwardsOf(request.forwards().forwards()));
  }
  order.ceilings = ChangeOf(request.net());
  if (request.has_cpus()) {
    FLATVM_ASSIGN_OR_RETURN(order.cpus, CpusOf(request.cpus()));
  }
  return order;
}

}  // namespace

grpc::Status AdminService::CreateTenant(grpc::ServerContext* /*context*/,
                                        const v1::CreateTenantRequest* request,
                                        v1::CreateTenantResponse* response) {
  Operation operation = Begin("CreateTenant", request->name(), request->request_id());
  auto cpus = CpusOf(request->cpus());
  if (!cpus.ok()) return Finish(operation, cpus.status());
  const auto carve = CarveOf(request->carve());
  if (!carve.ok()) return Finish(operation, carve.status());
  const auto network_mode = NetworkModeOf(request->network_mode());
  if (!network_mode.ok()) return Finish(operation, network_mode.status());
  auto forwards = ForwardsOf(request->forwards());
  if (!forwards.ok()) return Finish(operation, forwards.status());
  const auto result = tenants_.Create({.name = request->name(),
                                       .primary = request->primary(),
                                       .request_id = request->request_id(),
                                       .mode = ModeOf(request->validate_only()),
                                       .limits = ResourcesOf(request->limits()),
                                       .io = IoOf(request->io()),
                                       .cpus = *std::move(cpus),
                                       .carve = *carve,
                                       .quota_disk_mib = request->quota_disk_mib(),
                                       .network_mode = *network_mode,
                                       .forwards = *std::move(forwards),
                                       .ceilings = CeilingsOf(request->net()),
                                       .restart = RestartOf(request->restart_primary())});
  if (!result.ok()) return Finish(operation, result.status());
  for (const std::string& part : result->needs_restart) response->add_needs_restart(part);
  if (request->validate_only()) {
    response->mutable_tenant()->set_name(request->name());
    *response->mutable_tenant()->mutable_limits() = request->limits();
    return Finish(operation, absl::OkStatus());
  }
  const auto view = directory_.GetTenant(request->name());
  if (view.ok()) FillTenant(*view, Audience::kOperator, response->mutable_tenant());
  return Finish(operation, view.status());
}

grpc::Status AdminService::UpdateTenant(grpc::ServerContext* /*context*/,
                                        const v1::UpdateTenantRequest* request,
                                        v1::UpdateTenantResponse* response) {
  Operation operation = Begin("UpdateTenant", request->name(), request->request_id());
  auto order = OrderOf(*request);
  if (!order.ok()) return Finish(operation, order.status());
  const auto result = updates_.Update(*order);
  if (!result.ok()) return Finish(operation, result.status());
  auto view = directory_.GetTenant(request->name());
  if (!view.ok()) return Finish(operation, view.status());
  if (request->validate_only()) {
    view->record = result->tenant;
    view->used = result->used;
    view->left = result->left;
    view->grant = result->grant;
  }
  FillTenant(*view, Audience::kOperator, response->mutable_tenant());
  for (const broker::Excess& excess : result->excess) {
    v1::Excess* out = response->add_excess();
    out->set_limit(excess.limit);
    out->set_limit_value(excess.limit_value);
    out->set_used(excess.used);
  }
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::RemoveTenant(grpc::ServerContext* /*context*/,
                                        const v1::RemoveTenantRequest* request,
                                        v1::RemoveTenantResponse* response) {
  Operation operation = Begin("RemoveTenant", request->name(), request->request_id());
  const auto result = tenants_.Remove(
      {.name = request->name(),
       .request_id = request->request_id(),
       .mode = ModeOf(request->validate_only()),
       .secondaries = request->destroy_secondaries() ? broker::Secondaries::kDestroy
                                                     : broker::Secondaries::kRefuse,
       .volumes = request->delete_volumes() ? broker::Volumes::kDelete : broker::Volumes::kRefuse,
       .restart = RestartOf(request->restart_primary())});
  if (!result.ok()) return Finish(operation, result.status());
  response->set_destroyed_vms(result->destroyed_vms);
  response->set_deleted_volumes(result->deleted_volumes);
  response->set_deleted_images(result->deleted_images);
  for (const std::string& part : result->needs_restart) response->add_needs_restart(part);
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::AddNetwork(grpc::ServerContext* /*context*/,
                                      const v1::AddNetworkRequest* request,
                                      v1::AddNetworkResponse* response) {
  Operation operation = Begin("AddNetwork", request->tenant(), request->request_id());
  const bool said = request->mode() != v1::NETWORK_MODE_UNSPECIFIED;
  const auto mode = NetworkModeOf(said ? request->mode() : v1::NETWORK_ISOLATED, "mode");
  if (!mode.ok()) return Finish(operation, mode.status());
  const auto network = networks_.Add({.tenant = request->tenant(),
                                      .request_id = request->request_id(),
                                      .mode = ModeOf(request->validate_only()),
                                      .name = request->name(),
                                      .network_mode = *mode,
                                      .bridge = request->bridge(),
                                      .vlan = request->vlan()});
  if (!network.ok()) return Finish(operation, network.status());
  FillNetwork(request->tenant(), *network, Audience::kOperator, response->mutable_network());
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::RemoveNetwork(grpc::ServerContext* /*context*/,
                                         const v1::RemoveNetworkRequest* request,
                                         v1::RemoveNetworkResponse* /*response*/) {
  Operation operation = Begin("RemoveNetwork", request->tenant(), request->request_id());
  return Finish(operation, networks_.Remove({.tenant = request->tenant(),
                                             .request_id = request->request_id(),
                                             .mode = ModeOf(request->validate_only()),
                                             .name = request->name()}));
}

grpc::Status AdminService::ListNetworks(grpc::ServerContext* /*context*/,
                                        const v1::ListNetworksRequest* request,
                                        v1::ListNetworksResponse* response) {
  Operation operation = Begin("ListNetworks", request->tenant(), "");
  const auto networks = directory_.ListNetworks(request->tenant());
  if (!networks.ok()) return Finish(operation, networks.status());
  for (const broker::NetworkView& network : *networks) {
    FillNetwork(request->tenant(), network, response->add_networks());
  }
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::ListTenants(grpc::ServerContext* /*context*/,
                                       const v1::ListTenantsRequest* /*request*/,
                                       v1::ListTenantsResponse* response) {
  Operation operation = Begin("ListTenants", "", "");
  for (const broker::TenantView& view : directory_.ListTenants()) {
    FillTenant(view, Audience::kOperator, response->add_tenants());
  }
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::ShowTenant(grpc::ServerContext* /*context*/,
                                      const v1::ShowTenantRequest* request,
                                      v1::ShowTenantResponse* response) {
  Operation operation = Begin("ShowTenant", request->name(), "");
  const auto view = directory_.GetTenant(request->name());
  if (!view.ok()) return Finish(operation, view.status());
  FillTenant(*view, Audience::kOperator, response->mutable_tenant());
  for (const broker::VmRecord& vm : view->vms) FillVm(vm, response->add_vms());
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::ListAllVms(grpc::ServerContext* /*context*/,
                                      const v1::ListAllVmsRequest* request,
                                      v1::ListAllVmsResponse* response) {
  Operation operation = Begin("ListAllVms", request->tenant(), "");
  absl::StatusOr<std::vector<broker::VmRecord>> vms =
      request->tenant().empty() ? directory_.ListAllVms() : directory_.ListVms(request->tenant());
  if (!vms.ok()) return Finish(operation, vms.status());
  for (const broker::VmRecord& vm : *vms) FillVm(vm, response->add_vms());
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::ListAllVolumes(grpc::ServerContext* /*context*/,
                                          const v1::ListAllVolumesRequest* request,
                                          v1::ListAllVolumesResponse* response) {
  Operation operation = Begin("ListAllVolumes", request->tenant(), "");
  const absl::StatusOr<std::vector<broker::VolumeView>> volumes =
      request->tenant().empty() ? directory_.ListAllVolumes()
                                : directory_.ListVolumes(request->tenant());
  if (!volumes.ok()) return Finish(operation, volumes.status());
  for (const broker::VolumeView& volume : *volumes) FillVolume(volume, response->add_volumes());
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::ListAllImages(grpc::ServerContext* /*context*/,
                                         const v1::ListAllImagesRequest* request,
                                         v1::ListAllImagesResponse* response) {
  Operation operation = Begin("ListAllImages", request->tenant(), "");
  const absl::StatusOr<std::vector<broker::ImageView>> images =
      request->tenant().empty() ? directory_.ListAllImages()
                                : directory_.ListOwnImages(request->tenant());
  if (!images.ok()) return Finish(operation, images.status());
  for (const broker::ImageView& image : *images) FillImage(image, response->add_images());
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::ShowAnyVm(grpc::ServerContext* /*context*/,
                                     const v1::ShowAnyVmRequest* request,
                                     v1::ShowAnyVmResponse* response) {
  Operation operation = Begin("ShowAnyVm", request->tenant(), "");
  operation.SetVm(request->vm());
  const auto view = directory_.GetAnyVm(request->tenant(), request->vm());
  if (!view.ok()) return Finish(operation, view.status());
  FillVm(view->vm, response->mutable_vm());
  response->set_domain(view->domain);
  response->set_console_log(view->console_log);
  return Finish(operation, absl::OkStatus());
}

grpc::Status AdminService::DestroyAnyVm(grpc::ServerContext* /*context*/,
                                        const v1::DestroyAnyVmRequest* request,
                                        v1::DestroyAnyVmResponse* response) {
  Operation operation = Begin("DestroyAnyVm", request->tenant(), request->request_id());
  operation.SetVm(request->vm());
  const auto view = directory_.GetAnyVm(request->tenant(), request->vm());
  // A repeated destroy finds nothing here, but its request id may be remembered: the broker answers
  // that.
  const std::string tenant = view.ok() ? view->vm.tenant : request->tenant();
  if (tenant.empty()) return Finish(operation, view.status());
  const auto vm = vms_.Destroy({.tenant = tenant,
                                .request_id = request->request_id(),
                                .mode = ModeOf(request->validate_only()),
                                .vm = request->vm()});
  if (!vm.ok()) return Finish(operation, vm.status());
  FillVm(*vm, response->mutable_vm());
  return Finish(operation, absl::OkStatus());
}

}  // namespace flatvm::rpc
