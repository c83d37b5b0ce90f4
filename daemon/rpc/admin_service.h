// Admin: the operator's calls over gRPC. Translates, calls the broker, logs; decides nothing.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/broker/directory.h"
#include "daemon/broker/further_networks.h"
#include "daemon/broker/tenant_lifecycle.h"
#include "daemon/broker/update_tenant.h"
#include "daemon/broker/vm_lifecycle.h"
#include "daemon/rpc/operation.h"
#include "flatvm/v1/admin.grpc.pb.h"

namespace flatvm::rpc {

// Thread-safe; calls block for as long as the broker does. Methods that are not overridden answer
// UNIMPLEMENTED.
class AdminService final : public v1::Admin::Service {
 public:
  AdminService(broker::TenantLifecycle& tenants, broker::TenantUpdates& updates,
               broker::FurtherNetworks& networks, broker::VmLifecycle& vms,
               broker::Directory& directory, base::Logger& log, const base::Clock& clock)
      : tenants_(tenants),
        updates_(updates),
        networks_(networks),
        vms_(vms),
        directory_(directory),
        log_(log),
        clock_(clock) {}

  grpc::Status CreateTenant(grpc::ServerContext* context, const v1::CreateTenantRequest* request,
                            v1::CreateTenantResponse* response) override;
  grpc::Status UpdateTenant(grpc::ServerContext* context, const v1::UpdateTenantRequest* request,
                            v1::UpdateTenantResponse* response) override;
  grpc::Status RemoveTenant(grpc::ServerContext* context, const v1::RemoveTenantRequest* request,
                            v1::RemoveTenantResponse* response) override;
  grpc::Status AddNetwork(grpc::ServerContext* context, const v1::AddNetworkRequest* request,
                          v1::AddNetworkResponse* response) override;
  grpc::Status RemoveNetwork(grpc::ServerContext* context, const v1::RemoveNetworkRequest* request,
                             v1::RemoveNetworkResponse* response) override;
  grpc::Status ListNetworks(grpc::ServerContext* context, const v1::ListNetworksRequest* request,
                            v1::ListNetworksResponse* response) override;
  grpc::Status ListTenants(grpc::ServerContext* context, const v1::ListTenantsRequest* request,
                           v1::ListTenantsResponse* response) override;
  grpc::Status ShowTenant(grpc::ServerContext* context, const v1::ShowTenantRequest* request,
                          v1::ShowTenantResponse* response) override;
  grpc::Status ListAllVms(grpc::ServerContext* context, const v1::ListAllVmsRequest* request,
                          v1::ListAllVmsResponse* response) override;
  grpc::Status ListAllVolumes(grpc::ServerContext* context,
                              const v1::ListAllVolumesRequest* request,
                              v1::ListAllVolumesResponse* response) override;
  grpc::Status ListAllImages(grpc::ServerContext* context, const v1::ListAllImagesRequest* request,
                             v1::ListAllImagesResponse* response) override;
  grpc::Status ShowAnyVm(grpc::ServerContext* context, const v1::ShowAnyVmRequest* request,
                         v1::ShowAnyVmResponse* response) override;
  grpc::Status DestroyAnyVm(grpc::ServerContext* context, const v1::DestroyAnyVmRequest* request,
                            v1::DestroyAnyVmResponse* response) override;

 private:
  Operation Begin(const char* op, const std::string& tenant, const std::string& request_id) {
    return Operation(log_, clock_, op, tenant, request_id);
  }

  broker::TenantLifecycle& tenants_;
  broker::TenantUpdates& updates_;
  broker::FurtherNetworks& networks_;
  broker::VmLifecycle& vms_;
  broker::Directory& directory_;
  base::Logger& log_;
  const base::Clock& clock_;
};

}  // namespace flatvm::rpc
